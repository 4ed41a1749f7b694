#include "cpu.h"

#include <string.h>

static char names[512];

static void add(const char *name)
{
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
    if (c & 1) add("sse3");
    if (c >> 9 & 1) add("ssse3");
    if (c >> 19 & 1) add("sse4_1");
    if (c >> 20 & 1) add("sse4_2");
    if (c >> 23 & 1) add("popcnt");
    if ((states & SAVES_YMM) != SAVES_YMM)
        return;
    if (c >> 28 & 1) add("avx");
    if (c >> 12 & 1) add("fma");
    if (c >> 29 & 1) add("f16c");
    if (b7 >> 5 & 1) add("avx2");
    if ((states & SAVES_ZMM) != SAVES_ZMM)
        return;
    if (b7 >> 16 & 1) add("avx512f");
    if (b7 >> 17 & 1) add("avx512dq");
    if (b7 >> 30 & 1) add("avx512bw");
    if (b7 >> 31 & 1) add("avx512vl");
    if (c7 >> 11 & 1) add("avx512_vnni");
    if (a71 >> 5 & 1) add("avx512_bf16");
}
#elif defined(__aarch64__) && defined(__linux__)
#include <asm/hwcap.h>
#include <sys/auxv.h>

static void find(void)
{
    unsigned long caps = getauxval(AT_HWCAP);
    if (caps & HWCAP_ASIMD) add("neon");
    if (caps & HWCAP_ASIMDHP) add("fp16");
    if (caps & HWCAP_ASIMDDP) add("dotprod");
}
#else
static void find(void)
{
#if defined(__aarch64__)
    add("neon");            /* part of the architecture */
#endif
}
#endif

const char *cpu_features(void)
{
    if (!names[0])
        find();
    return names;
}
