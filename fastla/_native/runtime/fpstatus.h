/* The floating-point status of this thread: which exceptions (overflow, invalid, ...) its arithmetic has raised.
 *
 * fenv.h does this too, but clears and reads the x87 unit as well and, in glibc, raises by doing
 * arithmetic: 40 ns where an 8 x 8 product takes 60. Vector code uses these registers only.
 */
#ifndef FASTLA_FPSTATUS_H
#define FASTLA_FPSTATUS_H

#if defined(__x86_64__)
#include <xmmintrin.h>
enum { FP_INVALID = 1, FP_DIVIDE = 4, FP_OVERFLOW = 8, FP_UNDERFLOW = 16, FP_ANY = 1 | 4 | 8 | 16 };
static inline unsigned fp_status_get(void) { return _mm_getcsr() & FP_ANY; }
static inline void fp_status_set(unsigned flags) /* replaces the flags; rounding and masks stay */
{
    unsigned csr = _mm_getcsr();
    if ((csr & FP_ANY) != flags)
        _mm_setcsr((csr & ~(unsigned)FP_ANY) | flags);
}
/* How this thread rounds and whether it flushes denormals: all but the flags. */
static inline unsigned fp_mode_get(void) { return _mm_getcsr() & ~(unsigned)0x3f; }
static inline void fp_mode_set(unsigned mode)
{
    if (fp_mode_get() != mode)
        _mm_setcsr(mode | (_mm_getcsr() & 0x3f));
}
#elif defined(__aarch64__)
#include <stdint.h>
enum { FP_INVALID = 1, FP_DIVIDE = 2, FP_OVERFLOW = 4, FP_UNDERFLOW = 8, FP_ANY = 15 };
static inline unsigned fp_status_get(void)
{
    uint64_t fpsr;
    __asm__ volatile("mrs %0, fpsr" : "=r"(fpsr));
    return (unsigned)fpsr & FP_ANY;
}
static inline void fp_status_set(unsigned flags)
{
    uint64_t fpsr;
    __asm__ volatile("mrs %0, fpsr" : "=r"(fpsr));
    fpsr = (fpsr & ~(uint64_t)FP_ANY) | flags;
    __asm__ volatile("msr fpsr, %0" : : "r"(fpsr));
}
static inline unsigned fp_mode_get(void)
{
    uint64_t fpcr;
    __asm__ volatile("mrs %0, fpcr" : "=r"(fpcr));
    return (unsigned)fpcr;
}
static inline void fp_mode_set(unsigned mode)
{
    if (fp_mode_get() != mode)
        __asm__ volatile("msr fpcr, %0" : : "r"((uint64_t)mode));
}
#else
#include <fenv.h>
enum {
    FP_INVALID = FE_INVALID,
    FP_DIVIDE = FE_DIVBYZERO,
    FP_OVERFLOW = FE_OVERFLOW,
    FP_UNDERFLOW = FE_UNDERFLOW,
    FP_ANY = FE_INVALID | FE_DIVBYZERO | FE_OVERFLOW | FE_UNDERFLOW
};
static inline unsigned fp_status_get(void) { return (unsigned)fetestexcept(FP_ANY); }
static inline void fp_status_set(unsigned flags)
{
    feclearexcept(FP_ANY);
    if (flags)
        feraiseexcept((int)flags);
}
static inline unsigned fp_mode_get(void) { return (unsigned)fegetround(); }
static inline void fp_mode_set(unsigned mode) { fesetround((int)mode); }
#endif
#endif
