#include "tarn/quant/kv_format.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "tarn/base/error.h"
#include "tarn/base/half.h"

namespace tarn {
namespace {

constexpr std::string_view names[] = {"f32", "bf16", "int8", "int4"};

// Smallest and largest of a whole group. Four lanes of each, so that no step waits for the last.
struct Bounds {
  float low, high;
};
Bounds bounds_of(const float* x) {
  constexpr int lanes = 8;
  float low[lanes], high[lanes];
  for (int l = 0; l < lanes; ++l) low[l] = high[l] = x[l];
  for (int64_t i = lanes; i < kv_group; i += lanes) {
    for (int l = 0; l < lanes; ++l) {
      low[l] = x[i + l] < low[l] ? x[i + l] : low[l];
      high[l] = x[i + l] > high[l] ? x[i + l] : high[l];
    }
  }
  return {*std::min_element(low, low + lanes), *std::max_element(high, high + lanes)};
}

// The nearest code in [least, most]; not-a-number becomes `least`.
int nearest(float x, float least, float most) {
  const float bounded = x > least ? x : least;
  return static_cast<int>(std::nearbyint(bounded < most ? bounded : most));
}

// Codes are chosen for the scale as it is stored, so its rounding adds no error of its own.
float stored_half(float x, std::byte* at) {
  const float16 half = to_float16(std::clamp(x, -65504.0F, 65504.0F));
  std::memcpy(at, &half, sizeof half);
  return to_float(half);
}

float load_half(const std::byte* at) {
  float16 half;
  std::memcpy(&half, at, sizeof half);
  return to_float(half);
}

void encode_int8(const float* x, std::byte* codes, std::byte* scales, int64_t group) {
  const Bounds bounds = bounds_of(x);
  const float scale = stored_half(std::max(-bounds.low, bounds.high) / 127.0F, scales + group * 2);
  const float inverse = scale > 0 ? 1.0F / scale : 0.0F;
  auto* out = reinterpret_cast<int8_t*>(codes + group * kv_group);
  for (int64_t i = 0; i < kv_group; ++i) {
    out[i] = static_cast<int8_t>(nearest(x[i] * inverse, -127.0F, 127.0F));
  }
}

void encode_int4(const float* x, std::byte* codes, std::byte* scales, int64_t group) {
  const Bounds bounds = bounds_of(x);
  const float low = stored_half(bounds.low, scales + group * 4 + 2);
  const float scale = stored_half((bounds.high - low) / 15.0F, scales + group * 4);
  const float inverse = scale > 0 ? 1.0F / scale : 0.0F;
  auto* out = reinterpret_cast<uint8_t*>(codes + group * kv_group / 2);
  for (int64_t i = 0; i < kv_group / 2; ++i) {
    const int first = nearest((x[i] - low) * inverse, 0.0F, 15.0F);
    const int second = nearest((x[i + kv_group / 2] - low) * inverse, 0.0F, 15.0F);
    out[i] = static_cast<uint8_t>(first | (second << 4));
  }
}

int64_t code_bytes(KvType type) { return type == KvType::int8 ? kv_group : kv_group / 2; }

}  // namespace

std::string_view name(KvType type) { return names[static_cast<size_t>(type)]; }

KvType parse_kv_type(std::string_view text) {
  for (size_t i = 0; i < std::size(names); ++i) {
    if (names[i] == text) return static_cast<KvType>(i);
  }
  fail(ErrorCode::invalid_argument, "\"{}\" is no cache type; choose f32, bf16, int8 or int4",
       text);
}

void encode_kv_row(KvType type, const float* values, int64_t dim, std::byte* row) {
  if (type == KvType::f32) {
    std::memcpy(row, values, static_cast<size_t>(dim) * sizeof(float));
    return;
  }
  if (type == KvType::bf16) {
    auto* out = reinterpret_cast<bfloat16*>(row);
    for (int64_t i = 0; i < dim; ++i) out[i] = to_bfloat16(values[i]);
    return;
  }
  std::byte* scales = row + kv_groups(dim) * code_bytes(type);
  const auto encode = type == KvType::int8 ? encode_int8 : encode_int4;
  for (int64_t group = 0; group < kv_groups(dim); ++group) {
    const float* x = values + group * kv_group;
    float padded[kv_group] = {};
    if (const int64_t left = dim - group * kv_group; left < kv_group) {
      std::copy_n(x, left, padded);
      x = padded;
    }
    encode(x, row, scales, group);
  }
}

void decode_kv_row(KvType type, const std::byte* row, int64_t dim, float* values) {
  if (type == KvType::f32) {
    std::memcpy(values, row, static_cast<size_t>(dim) * sizeof(float));
    return;
  }
  if (type == KvType::bf16) {
    const auto* in = reinterpret_cast<const bfloat16*>(row);
    for (int64_t i = 0; i < dim; ++i) values[i] = to_float(in[i]);
    return;
  }
  const std::byte* scales = row + kv_groups(dim) * code_bytes(type);
  for (int64_t i = 0; i < dim; ++i) {
    const int64_t group = i / kv_group;
    const int64_t at = i % kv_group;
    if (type == KvType::int8) {
      const auto code = static_cast<int8_t>(row[i]);
      values[i] = load_half(scales + group * 2) * static_cast<float>(code);
    } else {
      const auto byte = static_cast<int>(row[group * kv_group / 2 + at % (kv_group / 2)]);
      const int code = at < kv_group / 2 ? byte & 15 : byte >> 4;
      values[i] = std::fma(load_half(scales + group * 4), static_cast<float>(code),
                           load_half(scales + group * 4 + 2));
    }
  }
}

}  // namespace tarn
