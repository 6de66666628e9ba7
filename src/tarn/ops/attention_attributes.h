#pragma once

#include <cstdint>

namespace tarn {

// Operands of attention: q, k, v, then position, mask and sinks where the flags say so. The output
// is stored as [B, Tq, Hq, Dv].
struct AttentionAttributes {
  float scale;
  bool causal;
  int64_t window;
  float soft_cap;
  bool has_position;
  bool has_mask;
  bool has_sinks;
  int64_t key_offset;
};

}  // namespace tarn
