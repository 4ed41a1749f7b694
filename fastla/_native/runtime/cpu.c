#include "cpu.h"

#include <string.h>

static char names[512];

static void add(int there, const char *name)
{
    if (!there)
        return;
    strcat(names, name);
    strcat(names, " ");
}

#if defined(__x86_64__)
#include <cpuid.h>
#include <stdint.h>

/* Which register states the operating system saves: without them a feature is there but must not be used. */
static uint64_t saved_states(void)
{
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}

static void find(void)
{
    enum { SAVES_YMM = 0x6, SAVES_ZMM = 0xe6 };
    unsigned a, b, c, d, b7 = 0, c7 = 0, a71 = 0;
    if (!__get_cpuid(1, &a, &b, &c, &d))
        return;
    if (__get_cpuid_max(0, NULL) >= 7) {
        unsigned d7, b71, c71, d71, a7;
        __cpuid_count(7, 0, a7, b7, c7, d7);
        if (a7 >= 1)
            __cpuid_count(7, 1, a71, b71, c71, d71);
    }
    uint64_t states = c >> 27 & 1 ? saved_states() : 0;
    add(c & 1, "sse3");
    add(c >> 9 & 1, "ssse3");
    add(c >> 19 & 1, "sse4_1");
    add(c >> 20 & 1, "sse4_2");
    add(c >> 23 & 1, "popcnt");
    if ((states & SAVES_YMM) != SAVES_YMM)
        return;
    add(c >> 28 & 1, "avx");
    add(c >> 12 & 1, "fma");
    add(c >> 29 & 1, "f16c");
    add(b7 >> 5 & 1, "avx2");
    if ((states & SAVES_ZMM) != SAVES_ZMM)
        return;
    add(b7 >> 16 & 1, "avx512f");
    add(b7 >> 17 & 1, "avx512dq");
    add(b7 >> 30 & 1, "avx512bw");
    add(b7 >> 31 & 1, "avx512vl");
    add(c7 >> 11 & 1, "avx512_vnni");
    add(a71 >> 5 & 1, "avx512_bf16");
}
#elif defined(__aarch64__) && defined(__linux__)
#include <asm/hwcap.h>
#include <sys/auxv.h>

static void find(void)
{
    unsigned long caps = getauxval(AT_HWCAP);
    add((caps & HWCAP_ASIMD) != 0, "neon");
    add((caps & HWCAP_ASIMDHP) != 0, "fp16");
    add((caps & HWCAP_ASIMDDP) != 0, "dotprod");
}
#else
static void find(void)
{
#if defined(__aarch64__)
    add(1, "neon"); /* part of the architecture */
#endif
}
#endif

const char *cpu_features(void)
{
    if (!names[0])
        find();
    return names;
}
