// Normalizations over the last axis, computed in float32; the result has the dtype of x.
#pragma once

#include <optional>

#include "tarn/core/array.h"

namespace tarn {

struct RmsNormOptions {
  float eps = 1e-6F;
  float weight_offset = 0.0F;      // 1 for zero-centred weights (Qwen3.5, Gemma)
  std::optional<array> gate = {};  // the shape of x: the result is multiplied by silu(gate)
};

// x [..., D] / sqrt(mean(x^2) + eps) * (weight + weight_offset); weight [D] of a float dtype.
array rms_norm(const array& x, const std::optional<array>& weight,
               const RmsNormOptions& options = {});

// (x - mean) / sqrt(var + eps) * weight + bias; weight and bias [D] of one float dtype.
array layer_norm(const array& x, const std::optional<array>& weight,
                 const std::optional<array>& bias, float eps = 1e-5F);

// x / sqrt(sum(x^2) + eps) * scale.
array l2_norm(const array& x, float eps = 1e-6F, float scale = 1.0F);

}  // namespace tarn
