// How one row of keys or values (one token, one head) is stored in a cache.
//
//   f32, bf16   the values themselves
//   int8        groups of 32: 8-bit codes; behind all codes a float16 scale a group.
//               value = scale * code, code in [-127, 127]
//   int4        groups of 32: 16 bytes, byte i holds code i (low bits) and code i + 16 (high bits);
//               behind all codes a float16 scale and a float16 minimum a group.
//               value = scale * code + minimum, code in [0, 15]
//
// A last group that dim does not fill is padded with zeros; the padding's decoded values mean
// nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace tarn {

enum class KvType : uint8_t { f32, bf16, int8, int4 };

inline constexpr int64_t kv_group = 32;  // values that share a scale

constexpr int64_t kv_groups(int64_t dim) { return (dim + kv_group - 1) / kv_group; }

constexpr int64_t kv_row_bytes(KvType type, int64_t dim) {
  switch (type) {
    case KvType::f32:
      return dim * 4;
    case KvType::bf16:
      return dim * 2;
    case KvType::int8:
      return kv_groups(dim) * (kv_group + 2);
    default:
      return kv_groups(dim) * (kv_group / 2 + 4);
  }
}

std::string_view name(KvType type);  // "f32", "bf16", "int8", "int4"
KvType parse_kv_type(std::string_view name);

// From and to `dim` floats; a row is kv_row_bytes(type, dim) bytes, 2-byte aligned (4 for f32).
void encode_kv_row(KvType type, const float* values, int64_t dim, std::byte* row);
void decode_kv_row(KvType type, const std::byte* row, int64_t dim, float* values);

}  // namespace tarn
