// Choosing a family's table of kernels for an instruction set: the best one at or below the level.
#pragma once

#include "tarn/cpu/isa/isa.h"

// Declares a family's tables. A variant that this architecture cannot run is never linked.
#define TARN_DECLARE_KERNEL_TABLES(Table, family) \
  namespace detail {                              \
  extern const Table family##_portable;           \
  extern const Table family##_avx2;               \
  extern const Table family##_avx512;             \
  extern const Table family##_neon;               \
  }                                               \
  const Table& family##_kernels(Isa isa)

// Defines family_kernels(isa) once, in the family's portable source.
#if defined(__x86_64__)
#define TARN_DEFINE_KERNEL_TABLES(Table, family)            \
  const Table& family##_kernels(Isa isa) {                  \
    if (isa >= Isa::avx512) return detail::family##_avx512; \
    if (isa >= Isa::avx2) return detail::family##_avx2;     \
    return detail::family##_portable;                       \
  }
#elif defined(__aarch64__)
#define TARN_DEFINE_KERNEL_TABLES(Table, family)        \
  const Table& family##_kernels(Isa isa) {              \
    if (isa >= Isa::neon) return detail::family##_neon; \
    return detail::family##_portable;                   \
  }
#else
#define TARN_DEFINE_KERNEL_TABLES(Table, family) \
  const Table& family##_kernels(Isa) { return detail::family##_portable; }
#endif
