// Choosing a family's table of kernels for an instruction set: the best one at or below the level.
#pragma once

#include "tarn/cpu/isa/isa.h"

// Declares a family's tables.
#define TARN_DECLARE_KERNEL_TABLES(Table, family) \
  namespace detail {                              \
  extern const Table family##_portable;           \
  }                                               \
  const Table& family##_kernels(Isa isa)

// Defines family_kernels(isa) once, in the family's portable source.
#define TARN_DEFINE_KERNEL_TABLES(Table, family) \
  const Table& family##_kernels(Isa) { return detail::family##_portable; }
