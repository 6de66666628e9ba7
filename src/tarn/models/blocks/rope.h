// Rotary embedding as a config states it.
#pragma once

#include "tarn/core/array.h"
#include "tarn/models/config.h"

namespace tarn::blocks {

class Rope {
 public:
  Rope(const RopeConfig& config, int64_t head_dim, int64_t max_position);

  // x [B, H, T, head_dim], its first token at `position`. `length`: tokens the sequence will have,
  // as far as known; some scalings depend on it.
  array operator()(const array& x, const array& position, int64_t length) const;

 private:
  RopeConfig config_;
  int64_t head_dim_;
  int64_t max_position_;
  bool depends_on_length_;
  array inv_freq_;
  float scaling_ = 1.0F;
};

}  // namespace tarn::blocks
