// Copies between strided layouts, for kernels that move bytes.
#pragma once

#include <cstdint>

#include "tarn/core/unit.h"

namespace tarn::cpu {

// Copies row-major elements [begin, end) of `shape` from one strided place to another.
// Strides in elements of `size` bytes (1, 2, 4 or 8).
void copy_strided(const std::byte* from, const Strides& from_strides, std::byte* to,
                  const Strides& to_strides, const Shape& shape, size_t size, int64_t begin,
                  int64_t end);

}  // namespace tarn::cpu
