// Affine codes by weighted search, where it is known how much an error at each input counts.
#pragma once

#include <cstddef>
#include <cstdint>

#include "tarn/quant/affine.h"

namespace tarn::quant {

// As affine_encode(), except that scale and bias of a group are the ones, of some stretches of its
// range and the least squares fits to their codes, that leave the least squared error weighted with
// importance [columns]; codes are the nearest for the scale and bias as stored. Weights are finite,
// importance is not negative.
template <typename Scale>
void affine_search(const AffineFormat& format, size_t rows, size_t columns, const float* weights,
                   const float* importance, uint32_t* codes, Scale* scales, Scale* biases);

}  // namespace tarn::quant
