// The codec of checkpoints in 8-bit floats as they are published: weights e4m3, and a scale for
// each block of them, for each row or for all.
#pragma once

#include <memory>
#include <string_view>

#include "tarn/quant/codec.h"

namespace tarn::quant {

// Which weights share a scale. value = weight * scale, rounded to float32.
struct Fp8Blocks {
  size_t rows = 128;     // 0: all
  size_t columns = 128;  // 0: all; else a multiple of 32
};

// Parts "weight" [rows, columns] and `scale_name`: [ceil(rows / blocks.rows), ceil(columns /
// blocks.columns)] of `scales`, with one extent where blocks are as wide as the matrix. Matrices
// have columns that are a multiple of `group`, which divides the blocks' columns: 32, 64 or 128. A
// group of 0 is for matrices of any extent: they have no panels.
std::shared_ptr<const Codec> make_fp8_codec(const Fp8Blocks& blocks, ScaleType scales, int group,
                                            std::string_view scale_name = "weight_scale_inv");

}  // namespace tarn::quant
