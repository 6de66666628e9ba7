// Parameters of the normalizations, for the units' kernels. Operands: x, then weight, bias, gate
// where the flags say so.
#pragma once

namespace tarn {

struct NormAttributes {
  bool has_weight = false;
  bool has_bias = false;
  bool has_gate = false;
  float eps = 1e-6F;
  float weight_offset = 0.0F;
  float scale = 1.0F;  // l2_norm only
};

}  // namespace tarn
