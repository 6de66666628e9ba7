// What the codes of a panel stand for where this is not the codes themselves. Everything is in an
// unnamed namespace (see qmatmul_impl.h).
//
// Integer products know bytes only. A table of signed bytes is one plane of them. Values that need
// more (quant::is_wide) are rounded to
//   value = unit * (128 * (high - 128) + low)
// with bytes 0 <= high < 256, 0 <= low < 128 and unit = the panel's largest magnitude / 16383: two
// planes, whose products are added one after the other as if they were groups of their own.
#pragma once

#include <cstddef>
#include <cstdint>

#include "tarn/cpu/isa/qmatmul_layout.h"

namespace tarn::cpu {
namespace {

enum class LookUp { none, bytes, wide };

constexpr size_t most_entries = 256;
constexpr int wide_range = 16383;
constexpr size_t low_plane_levels = 128;

// 2^exponent, which is that of a normal number.
constexpr float power_of_two(int exponent) {
  return __builtin_bit_cast(float, static_cast<uint32_t>(exponent + 127) << 23);
}

struct Float8Values {
  float of[most_entries];
};

// What 8-bit floats of so many mantissa bits stand for. `special`: the first magnitude that is not
// finite, which is an infinity for e5m2 and a NaN for e4m3; those behind it are NaN.
constexpr Float8Values float8_values(int mantissa_bits, int bias, int special, float at_special) {
  Float8Values values{};
  for (int code = 0; code < 128; ++code) {
    const int field = code >> mantissa_bits;
    const int mantissa = code & ((1 << mantissa_bits) - 1);
    const int significand = field == 0 ? mantissa : mantissa | 1 << mantissa_bits;
    const int exponent = (field == 0 ? 1 : field) - bias - mantissa_bits;
    const float magnitude = code < special
                                ? static_cast<float>(significand) * power_of_two(exponent)
                            : code == special ? at_special
                                              : __builtin_nanf("");
    values.of[code] = magnitude;
    values.of[code + 128] = -magnitude;
  }
  return values;
}

constexpr Float8Values e4m3_values = float8_values(3, 7, 0x7f, __builtin_nanf(""));
constexpr Float8Values e5m2_values = float8_values(2, 15, 0x7c, __builtin_inff());

// The values of a format that is wide, as floats.
template <class V>
struct WideValues {
  const float* values = nullptr;
  size_t count = 0;   // a multiple of 16; those beyond the table's are zero
  float largest = 0;  // magnitude; NaN: one is not finite
  alignas(64) float decoded[most_entries];

  void load(const Layout& layout, const uint8_t* panel) {
    count = most_entries;
    if (layout.format.values != quant::CodeValues::table_f16) {
      values = layout.format.values == quant::CodeValues::e4m3 ? e4m3_values.of : e5m2_values.of;
      __builtin_memcpy(&largest, panel, sizeof(largest));
      return;
    }
    const size_t entries = size_t{1} << layout.format.bits;
    count = entries < panel_rows ? panel_rows : entries;
    for (size_t i = 0; i < count; i += panel_rows) {
      V::store(decoded + i, V::template load_scales<ScaleType::f16>(panel + 2 * i));
    }
    values = decoded;
    // Comparing magnitudes as integers puts infinities and NaNs above every number.
    uint32_t most = 0;
    for (size_t i = 0; i < count; ++i) {
      const uint32_t magnitude = __builtin_bit_cast(uint32_t, decoded[i]) & 0x7fffffffU;
      most = magnitude > most ? magnitude : most;
    }
    largest = most >= 0x7f800000U ? __builtin_nanf("") : __builtin_bit_cast(float, most);
  }
};

// The bytes that a panel's codes are looked up in: a panel's own table, or two planes.
struct PanelValues {
  const uint8_t* plane[2];
  float unit;
  alignas(64) uint8_t planes[2][most_entries];

  template <class V>
  void load(const Layout& layout, const uint8_t* panel) {
    plane[0] = plane[1] = panel;
    if (!layout.wide) return;
    WideValues<V> wide;
    wide.load(layout, panel);
    split(wide);
  }

 private:
  // Plain loops that the compiler turns into vectors. A value that is not finite makes the unit NaN
  // and with it all results of the panel; bytes stay in their range whatever the values are.
  template <class V>
  void split(const WideValues<V>& wide) {
    constexpr auto range = static_cast<float>(wide_range);
    unit = wide.largest / range;
    const float inverse = wide.largest > 0 ? range / wide.largest : 0;
    for (size_t i = 0; i < wide.count; ++i) {
      float scaled = wide.values[i] * inverse;
      scaled = scaled > -range ? scaled : -range;
      scaled = scaled < range ? scaled : range;
      const int level = static_cast<int>(__builtin_rintf(scaled)) + wide_range + 1;
      planes[0][i] = static_cast<uint8_t>(level >> 7);
      planes[1][i] = static_cast<uint8_t>(level & 127);
    }
    // Some instruction sets load 64 entries whatever the code's bits.
    for (size_t i = wide.count; i < tile_bytes; ++i) planes[0][i] = planes[1][i] = 0;
    plane[0] = planes[0];
    plane[1] = planes[1];
  }
};

// A group's scale for the bytes of a plane of wide values.
template <class V>
TARN_INLINE GroupScale<V> scale_of_plane(const GroupScale<V>& s, float unit, int plane) {
  if (plane == 1) return {V::mul(s.scale, V::set1(unit)), V::zero()};
  const typename V::F scale = V::mul(s.scale, V::set1(unit * static_cast<float>(low_plane_levels)));
  return {scale, V::mul(scale, V::set1(-static_cast<float>(low_plane_levels)))};
}

}  // namespace
}  // namespace tarn::cpu
