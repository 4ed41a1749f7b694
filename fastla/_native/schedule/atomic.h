/* Relaxed atomics for what threads share without waiting for each other: a value read late is a valid earlier one. */
#ifndef FASTLA_ATOMIC_H
#define FASTLA_ATOMIC_H

static inline int load_int(const int *p) { return __atomic_load_n(p, __ATOMIC_RELAXED); }
static inline void store_int(int *p, int value) { __atomic_store_n(p, value, __ATOMIC_RELAXED); }

#ifdef OUTPUT
static inline OUTPUT load_shared(const OUTPUT *p)
{
    OUTPUT value;
    __atomic_load(p, &value, __ATOMIC_RELAXED);
    return value;
}
static inline void store_shared(OUTPUT *p, OUTPUT value) { __atomic_store(p, &value, __ATOMIC_RELAXED); }
#endif

#endif
