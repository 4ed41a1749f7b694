/* What this CPU can do and the operating system lets it do. */
#ifndef FASTLA_CPU_H
#define FASTLA_CPU_H

/* The names, separated by spaces, of the features that targets may require. */
const char *cpu_features(void);

#endif
