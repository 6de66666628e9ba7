// Taking single blocks apart: one function for each type.
#pragma once

#include "tarn/quant/ggml_blocks.h"

namespace tarn::quant {

// `out` points to what belongs to this block: its first code, its first group's scale, ...
using UnpackBlock = void (*)(const std::byte* block, const GgmlRow& out);

UnpackBlock legacy_unpack(GgmlType type);  // null: none of Q4_0 .. Q8_0, IQ4_NL, MXFP4, NVFP4
UnpackBlock k_unpack(GgmlType type);       // null: none of Q2_K .. Q6_K, IQ4_XS, TQ1_0, TQ2_0
UnpackBlock iq_unpack(GgmlType type);      // null: none of IQ1_S .. IQ3_S

// Fields of blocks lie at any address.
template <typename T>
T field(const std::byte* at) {
  T value;
  __builtin_memcpy(&value, at, sizeof(value));
  return value;
}
inline const uint8_t* bytes(const std::byte* at) { return reinterpret_cast<const uint8_t*>(at); }

}  // namespace tarn::quant
