/* Under AddressSanitizer the pieces of a workspace have a gap behind them, which nobody may touch: overruns show. */
#ifndef FASTLA_REDZONE_H
#define FASTLA_REDZONE_H

#include <stddef.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
enum { REDZONE = 64 };
static inline void forbid(void *piece, size_t bytes) { ASAN_POISON_MEMORY_REGION(piece, bytes); }
#else
enum { REDZONE = 0 };
static inline void forbid(void *piece, size_t bytes) { (void)piece, (void)bytes; }
#endif

#endif
