// RMS normalization with a learned weight.
#pragma once

#include <string>

#include "tarn/models/blocks/linear.h"
#include "tarn/ops/norm.h"

namespace tarn::blocks {

class RmsNorm {
 public:
  // weight_offset 1: the checkpoint stores the weight's distance from one.
  RmsNorm(const Builder& builder, const std::string& module, int64_t width,
          float weight_offset = 0.0F)
      : weight_(builder.weights.get_f32(module + ".weight", {width})),
        options_{.eps = static_cast<float>(builder.config.rms_norm_eps),
                 .weight_offset = weight_offset} {}

  array operator()(const array& x) const { return rms_norm(x, weight_, options_); }
  // norm(x) * silu(gate)
  array gated(const array& x, const array& gate) const {
    RmsNormOptions options = options_;
    options.gate = gate;
    return rms_norm(x, weight_, options);
  }

 private:
  array weight_;
  RmsNormOptions options_;
};

}  // namespace tarn::blocks
