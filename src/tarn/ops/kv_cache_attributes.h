#pragma once

#include "tarn/quant/kv_format.h"

namespace tarn {

// Operands: buffer, x (float32, last axis dense), first (int32, one element).
struct KvUpdateAttributes {
  KvType type;
  int64_t offset;
};

// Operand: buffer, its last axis dense.
struct KvReadAttributes {
  KvType type;
};

}  // namespace tarn
