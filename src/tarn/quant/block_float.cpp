#include "tarn/quant/block_float.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>

#include "tarn/base/error.h"

namespace tarn::quant {
namespace {

static_assert(std::endian::native == std::endian::little, "codes are packed little-endian");

constexpr std::array<float, 16> e2m1_values = {0,     0.5F,  1,  1.5F,  2,  3,  4,  6,
                                               -0.0F, -0.5F, -1, -1.5F, -2, -3, -4, -6};
constexpr float e2m1_most = 6;
constexpr float e4m3_most = 448;

struct Layout {
  size_t bits;
  size_t group;
  bool power_of_two;  // scales are e8m0, else e4m3
};

Layout layout_of(FormatMode mode, size_t columns, float tensor_scale) {
  Layout layout{};
  const char* name = nullptr;
  switch (mode) {
    case FormatMode::mxfp4:
      name = "mxfp4";
      layout = {4, 32, true};
      break;
    case FormatMode::mxfp8:
      name = "mxfp8";
      layout = {8, 32, true};
      break;
    case FormatMode::nvfp4:
      name = "nvfp4";
      layout = {4, 16, false};
      break;
    default:
      fail(ErrorCode::invalid_argument,
           "block floats: mode {} is none of theirs; use mxfp4, mxfp8 or nvfp4",
           static_cast<int>(mode));
  }
  if (columns % layout.group != 0) {
    fail(ErrorCode::invalid_argument,
         "{}: {} columns do not fill groups of {}; take another format for this matrix", name,
         columns, layout.group);
  }
  if (!(tensor_scale > 0) || !std::isfinite(tensor_scale)) {
    fail(ErrorCode::invalid_argument, "{}: the tensor scale is {}; it must be positive", name,
         tensor_scale);
  }
  if (layout.power_of_two && tensor_scale != 1) {
    fail(ErrorCode::invalid_argument,
         "{}: a tensor scale of {} was passed, only nvfp4 has one; pass 1", name, tensor_scale);
  }
  return layout;
}

// The value of every byte, e4m3.
const std::array<float, 256>& e4m3_values() {
  static const std::array<float, 256> values = [] {
    std::array<float, 256> all{};
    for (size_t i = 0; i < all.size(); ++i) {
      all[i] = to_float(float8_e4m3{static_cast<uint8_t>(i)});
    }
    return all;
  }();
  return values;
}

// The least power of two that is not less than x >= 0: its e8m0.
uint8_t power_above(float x) {
  if (x == 0) return 127;  // any would do; MLX takes this one
  int exponent = 0;
  const float fraction = std::frexp(x, &exponent);  // [0.5, 1)
  if (fraction == 0.5F) --exponent;
  return static_cast<uint8_t>(std::clamp(exponent, -127, 127) + 127);
}

// The largest magnitude of a group; negative when a value is not finite.
float largest_of(const float* x, size_t count) {
  float largest = 0, poison = 0;
  for (size_t i = 0; i < count; ++i) {
    largest = std::max(largest, std::abs(x[i]));
    poison += x[i] * 0;  // NaN from infinities and NaN
  }
  return poison == 0 ? largest : -1;
}

[[noreturn]] void fail_at(size_t row, size_t first, const float* x) {
  size_t i = 0;
  while (std::isfinite(x[i])) ++i;
  fail(ErrorCode::invalid_argument,
       "block floats: the value in row {}, column {} is {}: only finite ones can be stored; check "
       "the source",
       row, first + i, x[i]);
}

void put_e2m1(const float* x, size_t count, float scale, uint8_t* out) {
  for (size_t i = 0; i < count; i += 2) {
    const unsigned low = to_e2m1(x[i] / scale), high = to_e2m1(x[i + 1] / scale);
    out[i / 2] = static_cast<uint8_t>(low | high << 4);
  }
}

}  // namespace

float e2m1_to_float(uint8_t code) { return e2m1_values[code & 15]; }

uint8_t to_e2m1(float x) {
  const float size = std::abs(x);
  unsigned code = 0;
  for (const float border : {0.25F, 0.75F, 1.25F, 1.75F, 2.5F, 3.5F, 5.0F}) {
    code += size > border ? 1 : 0;
  }
  return static_cast<uint8_t>(code | (x < 0 && code != 0 ? 8U : 0U));
}

float8_e4m3 to_float8_e4m3(float x) {
  const auto bits = std::bit_cast<uint32_t>(x);
  const uint32_t sign = bits >> 24 & 0x80U;
  const uint32_t size = bits & 0x7fffffffU;
  uint32_t code = 0;
  if (size > 0x7f800000U) {
    code = 0x7f;
  } else if (size >= std::bit_cast<uint32_t>(e4m3_most)) {
    code = 0x7e;
  } else if (size < std::bit_cast<uint32_t>(0x1p-6F)) {
    // Subnormal, in steps of 2^-9: where a float's own steps are so large, its addition rounds.
    code = std::bit_cast<uint32_t>(std::bit_cast<float>(size) + 0x1p14F) - 0x46800000U;
  } else {
    code = (size + 0x7ffffU + (size >> 20 & 1U) - (120U << 23)) >> 20;
  }
  return {static_cast<uint8_t>(sign | code)};
}

float e5m2_to_float(uint8_t bits) { return to_float(float16{static_cast<uint16_t>(bits << 8)}); }

uint8_t to_e5m2(float x) {
  const auto bits = std::bit_cast<uint32_t>(x);
  const uint32_t sign = bits >> 24 & 0x80U;
  const uint32_t size = bits & 0x7fffffffU;
  uint32_t code = 0;
  if (size > 0x7f800000U) {
    code = 0x7e;
  } else if (size >= std::bit_cast<uint32_t>(61440.0F)) {  // halfway to what would come next
    code = 0x7c;
  } else if (size < std::bit_cast<uint32_t>(0x1p-14F)) {
    // Subnormal, in steps of 2^-16, as above.
    code = std::bit_cast<uint32_t>(std::bit_cast<float>(size) + 0x1p7F) - 0x43000000U;
  } else {
    code = (size + 0xfffffU + (size >> 21 & 1U) - (112U << 23)) >> 21;
  }
  return static_cast<uint8_t>(sign | code);
}

float e8m0_to_float(uint8_t bits) {
  return std::bit_cast<float>(bits == 0 ? 0x00400000U : uint32_t{bits} << 23);
}

void block_float_encode(FormatMode mode, size_t rows, size_t columns, const float* values,
                        float tensor_scale, uint32_t* codes, uint8_t* scales) {
  const Layout layout = layout_of(mode, columns, tensor_scale);
  auto* out = reinterpret_cast<uint8_t*>(codes);
  for (size_t row = 0; row < rows; ++row) {
    for (size_t first = 0; first < columns; first += layout.group) {
      const float* x = values + row * columns + first;
      const float largest = largest_of(x, layout.group);
      if (largest < 0) fail_at(row, first, x);
      if (mode == FormatMode::mxfp8) {
        *scales = power_above(largest / e4m3_most);
        const float scale = e8m0_to_float(*scales);
        for (size_t i = 0; i < layout.group; ++i) out[i] = to_float8_e4m3(x[i] / scale).bits;
      } else if (layout.power_of_two) {
        *scales = power_above(largest / e2m1_most);
        put_e2m1(x, layout.group, e8m0_to_float(*scales), out);
      } else {
        const float8_e4m3 scale = to_float8_e4m3(largest / e2m1_most / tensor_scale);
        *scales = scale.bits;
        const float step = to_float(scale) * tensor_scale;
        if (step == 0) {
          std::memset(out, 0, layout.group / 2);
        } else {
          put_e2m1(x, layout.group, step, out);
        }
      }
      ++scales;
      out += layout.group * layout.bits / 8;
    }
  }
}

void block_float_decode(FormatMode mode, size_t rows, size_t columns, const uint32_t* codes,
                        const uint8_t* scales, float tensor_scale, float* out) {
  const Layout layout = layout_of(mode, columns, tensor_scale);
  const auto* from = reinterpret_cast<const uint8_t*>(codes);
  const std::array<float, 256>& bytes = e4m3_values();
  for (size_t group = 0; group < rows * (columns / layout.group); ++group) {
    const float scale =
        layout.power_of_two ? e8m0_to_float(scales[group]) : bytes[scales[group]] * tensor_scale;
    if (layout.bits == 8) {
      for (size_t i = 0; i < layout.group; ++i) out[i] = bytes[from[i]] * scale;
    } else {
      for (size_t i = 0; i < layout.group; i += 2) {
        out[i] = e2m1_values[from[i / 2] & 15] * scale;
        out[i + 1] = e2m1_values[from[i / 2] >> 4] * scale;
      }
    }
    from += layout.group * layout.bits / 8;
    out += layout.group;
  }
}

}  // namespace tarn::quant
