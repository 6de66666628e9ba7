// Reading one stored element as float: for portable kernels and tails outside the hot loops.
// Not for the sources of one instruction set: an inline function compiled there could end up in
// the code that every processor runs.
#pragma once

#include "tarn/cpu/isa/float_type.h"

namespace tarn::cpu {

inline float load_float(const void* data, FloatType type, int64_t i) {
  switch (type) {
    case FloatType::f16:
      return to_float(static_cast<const float16*>(data)[i]);
    case FloatType::bf16:
      return to_float(static_cast<const bfloat16*>(data)[i]);
    case FloatType::f32:
      break;
  }
  return static_cast<const float*>(data)[i];
}

}  // namespace tarn::cpu
