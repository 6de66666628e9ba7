// Quantized weights: MLX's affine format, and the panels that products are computed from.
#pragma once

#include <vector>

#include "tarn/core/array.h"
#include "tarn/quant/panel.h"

namespace tarn {

// A matrix [N, K] in MLX's affine layout (quant/affine.h): codes u32 [N, K * bits / 32], scales and
// biases [N, K / group_size] of one float dtype. The value of a code is code * scale + bias.
struct AffineMatrix {
  array codes;
  array scales;
  array biases;
  int bits;
  int group_size;

  int64_t rows() const { return codes.shape(0); }
  int64_t columns() const { return codes.shape(1) * 32 / bits; }
};

// The same matrix in panels (quant/panel.h), the layout products are fast on.
struct PanelArray {
  array panels;  // u8 [bytes]
  quant::PanelFormat format;
  int64_t rows;
  int64_t columns;
};

// w [N, K] float -> codes, scales and biases; scales have the dtype of w.
AffineMatrix quantize(const array& w, int group_size = 64, int bits = 4);
// The values [N, K] in the scales' dtype.
array dequantize(const AffineMatrix& w);
// Checks shapes and dtypes; errors open with `what`.
void check_affine_matrix(const AffineMatrix& w, const char* what);

// Repacks without loss. The bytes count as copied in memory::stats().
PanelArray pack_panels(const AffineMatrix& w);

// x [..., K] times w transposed: [..., N] in x's dtype. Activations become int8 with a scale for
// each group, or stay float32 when `exact`.
array quantized_matmul(const array& x, const PanelArray& w, bool exact = false);
// The products of x with several matrices of the same K and group size, in one step that quantizes
// x once.
std::vector<array> quantized_matmul(const array& x, const std::vector<PanelArray>& w,
                                    bool exact = false);
// Rows of w for ids (any integer dtype): [..., K] float32. An id outside [0, N) is an error.
array quantized_embedding(const array& ids, const PanelArray& w);

// The same in MLX's form, straight from the affine layout: x [..., K] times w transposed gives
// [..., N], x [..., N] times w (no transpose) gives [..., K], in the dtype that x and the scales
// promote to. Composed of dequantize and matmul: every evaluation expands the whole matrix, which
// is right for a few products or for float activations, and slow for a model's every token.
array quantized_matmul(const array& x, const array& codes, const array& scales, const array& biases,
                       bool transpose = true, int group_size = 64, int bits = 4);
// Rows of w in its scales' dtype: [..., K]. Only the rows asked for are expanded; as in take,
// negative ids count from the end.
array quantized_embedding(const array& ids, const AffineMatrix& w);

}  // namespace tarn
