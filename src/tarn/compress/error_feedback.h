// Rounding column by column, the error of each made good in those that follow: GPTQ
// (https://arxiv.org/abs/2210.17323), for formats whose scales stand before the first column.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "tarn/quant/codec.h"

namespace tarn::compress {

// What rounding needs of X^T X [inputs, inputs], damped by 1 % of its mean diagonal: the upper
// triangle U [inputs, inputs] of  (X^T X)^-1 = U^T U.  Empty when the text says nothing (all zero,
// or not finite).
std::vector<float> feedback_factor(const std::vector<float>& hessian, size_t columns);

// Chooses the codes of the 16-row panel that starts at `first_row` again. `parts` are those of the
// whole matrix [rows, columns], encoded; `weights` the panel's rows [up to 16, columns], which are
// used up. The codec has free codes.
void feed_back_errors(const quant::Codec& codec, size_t rows, size_t columns,
                      const std::vector<float>& factor, size_t first_row, float* weights,
                      std::span<std::byte* const> parts);

}  // namespace tarn::compress
