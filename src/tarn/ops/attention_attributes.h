#pragma once

#include <cstdint>

#include "tarn/quant/kv_format.h"

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
  KvType kv_type;  // of k and v where they are uint8
};

}  // namespace tarn
