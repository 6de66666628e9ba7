// Matrix products. f32, f16 and bf16 operands are read in the type they are stored in, mixed or not
// and whatever their strides, and multiplied and added in float32; nothing is cast or copied
// beforehand. f64 computes in f64; integers wrap.
//
// Each element is one dot product in one fixed order: it does not depend on the other rows, on the
// batch, or on the number of threads.
#pragma once

#include <optional>
#include <vector>

#include "tarn/core/array.h"

namespace tarn {

// [..., M, K] times [..., K, N] gives [..., M, N] of the promoted dtype; leading extents broadcast.
// A one-dimensional operand counts as a row (left) or a column (right) whose extent of 1 is dropped
// from the result.
array matmul(const array& a, const array& b);

// alpha * matmul(a, b) + beta * c; c broadcasts to the product's shape.
array addmm(const array& c, const array& a, const array& b, float alpha = 1, float beta = 1);

// x [..., K] times the transpose of weight [N, K], plus bias [N]: [..., N] of x's dtype (floating).
// The weight stays in its own type. Unless `exact`, a unit may round x to bfloat16 for a bfloat16
// weight where that is faster; the sums are float32 either way.
array linear(const array& x, const array& weight, const std::optional<array>& bias = std::nullopt,
             bool exact = true);
// The products of x with several weights of the same K, in one step.
std::vector<array> linear_together(const array& x, const std::vector<array>& weights,
                                   bool exact = true);

}  // namespace tarn
