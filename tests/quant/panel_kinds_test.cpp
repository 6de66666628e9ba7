// Panels of every kind against the formula in quant/panel.h, computed here from the plain arrays.
#include <fmt/core.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <new>
#include <random>
#include <string>
#include <vector>

#include "tarn/base/error.h"
#include "tarn/quant/panel.h"
#include "tests/support/errors.h"

namespace tarn::quant {
namespace {

struct FreeAligned {
  void operator()(std::byte* p) const { ::operator delete (p, std::align_val_t{panel_alignment}); }
};
using Panel = std::unique_ptr<std::byte, FreeAligned>;

// `guard` bytes behind must stay as they are.
constexpr size_t guard = 64;

Panel make_panel(size_t size) {
  Panel panel(
      static_cast<std::byte*>(::operator new (size + guard, std::align_val_t{panel_alignment})));
  std::memset(panel.get(), 0xee, size + guard);
  return panel;
}

// Rows in plain arrays, random in every bit that the format gives a meaning.
struct Source {
  std::vector<uint8_t> codes, scale_bytes, bias_bytes, table_bytes;
  std::vector<float16> d, dmin;
  PanelRows rows{};

  Source(const PanelFormat& f, size_t count, size_t inputs) {
    std::mt19937 random(static_cast<uint32_t>(inputs * 100 + count));
    const auto fill = [&](std::vector<uint8_t>& bytes, size_t size, unsigned mask = 0xff) {
      bytes.resize(size);
      for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random() & mask);
    };
    const size_t groups = count * (inputs / static_cast<size_t>(f.group_size));
    const size_t supers = count * ((inputs + super_inputs - 1) / super_inputs);
    fill(codes, count * inputs, (1U << f.bits) - 1);
    if (f.values >= CodeValues::e4m3) {
      for (uint8_t& code : codes) code &= 0xbf;  // finite
    }
    fill(scale_bytes, groups * 4);
    fill(bias_bytes, groups * 4);
    fill(table_bytes, 512);
    // Finite: no exponent of ones.
    if (f.scales != ScaleKind::super) {
      const size_t step = f.scales == ScaleKind::row ? 4 : scale_type_bytes(f.scale_type);
      for (size_t i = step - 1; i < scale_bytes.size(); i += step) {
        scale_bytes[i] &= 0xbf;
        bias_bytes[i] &= 0xbf;
      }
    }
    for (size_t i = 1; i < table_bytes.size(); i += 2) {
      if (f.values == CodeValues::table_f16) table_bytes[i] &= 0xbf;
    }
    for (auto* halves : {&d, &dmin}) {
      halves->resize(supers);
      for (float16& half : *halves) half.bits = static_cast<uint16_t>(random() & 0xbfff);
    }
    rows = {count,    codes.data(), scale_bytes.data(), bias_bytes.data(),
            d.data(), dmin.data(),  table_bytes.data()};
  }

  template <typename T>
  static T at(const std::vector<uint8_t>& bytes, size_t index) {
    T value;
    std::memcpy(&value, &bytes[index * sizeof(T)], sizeof(T));
    return value;
  }

  static float scale_of(ScaleType type, const std::vector<uint8_t>& bytes, size_t index) {
    switch (type) {
      case ScaleType::f32:
        return at<float>(bytes, index);
      case ScaleType::f16:
        return to_float(at<float16>(bytes, index));
      case ScaleType::bf16:
        return to_float(at<bfloat16>(bytes, index));
      case ScaleType::e8m0:
        return std::ldexp(1.0F, bytes[index] - 127);
      default:
        return to_float(float8_e4m3{bytes[index]});
    }
  }

  float value(const PanelFormat& f, size_t inputs, size_t row, size_t k) const {
    const uint8_t code = codes[row * inputs + k];
    float v = code;
    if (f.values == CodeValues::table_i8) v = at<int8_t>(table_bytes, code);
    if (f.values == CodeValues::table_f16) v = to_float(at<float16>(table_bytes, code));
    if (f.values == CodeValues::e4m3) v = to_float(float8_e4m3{code});
    if (f.values == CodeValues::e5m2) v = to_float(float16{static_cast<uint16_t>(code << 8)});
    const size_t group =
        row * (inputs / static_cast<size_t>(f.group_size)) + k / static_cast<size_t>(f.group_size);
    const size_t super = row * (inputs / super_inputs) + k / super_inputs;
    const float scale = f.scales == ScaleKind::row ? at<float>(scale_bytes, row) * f.multiplier
                        : f.scales == ScaleKind::super
                            ? to_float(d[super]) * at<int8_t>(scale_bytes, group) * f.multiplier
                            : scale_of(f.scale_type, scale_bytes, group) * f.multiplier;
    if (f.bias == BiasKind::stored) return v * scale + scale_of(f.scale_type, bias_bytes, group);
    if (f.bias == BiasKind::mins) {
      return v * scale - to_float(dmin[super]) * static_cast<float>(bias_bytes[group]);
    }
    return (v - static_cast<float>(f.offset)) * scale;
  }
};

void round_trip(const PanelFormat& f, size_t count, size_t inputs) {
  SCOPED_TRACE(
      fmt::format("{} bits, groups of {}, scales {} of type {}, bias {}, values {}: {} x {}",
                  f.bits, f.group_size, static_cast<int>(f.scales), static_cast<int>(f.scale_type),
                  static_cast<int>(f.bias), static_cast<int>(f.values), count, inputs));
  const Source from(f, count, inputs);
  const size_t size = panel_stride(f, inputs);
  ASSERT_EQ(size % panel_alignment, 0U);
  const Panel panel = make_panel(size);
  pack_panel(f, inputs, from.rows, panel.get());
  for (size_t i = size; i < size + guard; ++i) ASSERT_EQ(panel.get()[i], std::byte{0xee});
  std::vector<float> out(inputs);
  for (size_t row = 0; row < count; ++row) {
    unpack_row(f, inputs, panel.get(), row, out.data());
    for (size_t k = 0; k < inputs; ++k) {
      const float expected = from.value(f, inputs, row, k);
      ASSERT_EQ(std::memcmp(&out[k], &expected, sizeof(float)), 0)
          << "row " << row << ", input " << k << ": " << out[k] << ", not " << expected;
    }
  }
  for (size_t row = count; row < panel_rows; ++row) {
    if (f.bias == BiasKind::offset && f.scale_type == ScaleType::e8m0)
      continue;  // 2^-127 and not 0
    unpack_row(f, inputs, panel.get(), row, out.data());
    for (const float value : out) ASSERT_EQ(value, 0) << "padding row " << row;
  }
}

// Every combination that check_panel accepts.
TEST(PanelKinds, EveryFormatHoldsWhatWasPacked) {
  int formats = 0;
  for (const int bits : {1, 2, 3, 4, 5, 6, 8}) {
    for (const int group : {16, 32, 64, 128}) {
      for (const auto scales : {ScaleKind::group, ScaleKind::super, ScaleKind::row}) {
        for (const auto bias : {BiasKind::stored, BiasKind::mins, BiasKind::offset}) {
          for (const auto values : {CodeValues::linear, CodeValues::table_i8, CodeValues::table_f16,
                                    CodeValues::e4m3, CodeValues::e5m2}) {
            for (const auto type : {ScaleType::f32, ScaleType::f16, ScaleType::bf16,
                                    ScaleType::e8m0, ScaleType::e4m3}) {
              if (scales != ScaleKind::group && type != ScaleType::f16) continue;
              PanelFormat format{bits, group, type, scales, bias, values};
              const size_t inputs = scales == ScaleKind::super ? 512 : 384;
              if (bias == BiasKind::offset && values == CodeValues::linear) {
                format.offset = 1 << bits >> 1;
              }
              if (bias != BiasKind::stored) format.multiplier = 0.37F;
              try {
                check_panel(format, inputs);
              } catch (const Error&) {
                continue;
              }
              ++formats;
              round_trip(format, formats % 2 == 0 ? 16 : 5, inputs);
            }
          }
        }
      }
    }
  }
  // Bias offset: 25 of bits and groups linear and as many of bytes in a table, 21 and 6 wide, each
  // with 7 kinds of scales. Mins 25. Stored 6 bits, 3 groups, 3 types.
  EXPECT_EQ(formats, (25 + 25 + 21 + 6) * 7 + 25 + 54);
}

// One group; a last segment that is not whole.
TEST(PanelKinds, AwkwardWidths) {
  const PanelFormat mxfp4{
      4, 32, ScaleType::e8m0, ScaleKind::group, BiasKind::offset, CodeValues::table_i8, 0, 0.5F};
  const PanelFormat nvfp4{
      4, 16, ScaleType::e4m3, ScaleKind::group, BiasKind::offset, CodeValues::table_i8};
  const PanelFormat lut6{
      6, 64, ScaleType::f32, ScaleKind::row, BiasKind::offset, CodeValues::table_i8};
  for (const size_t inputs : {32, 64, 96, 128, 160, 416}) {
    for (const size_t rows : {1, 15, 16}) {
      round_trip(mxfp4, rows, inputs);
      round_trip(nvfp4, rows, inputs);
      if (inputs % 64 == 0) round_trip(lut6, rows, inputs);
    }
  }
}

double bits_a_weight(const PanelFormat& format, size_t inputs) {
  return 8.0 * static_cast<double>(panel_stride(format, inputs)) /
         static_cast<double>(panel_rows * inputs);
}

// Bytes are decode speed.
TEST(PanelKinds, TakeTheBytesTheyNeed) {
  const auto bits = [](PanelFormat format) { return bits_a_weight(format, 1024); };
  const auto offset = BiasKind::offset;
  const auto f16 = ScaleType::f16;
  using enum ScaleKind;
  EXPECT_EQ(bits({4, 64, f16}), 4.5);                           // affine
  EXPECT_EQ(bits({4, 32, f16, group, offset}), 4.5);            // Q4_0
  EXPECT_EQ(bits({8, 32, f16, group, offset}), 8.5);            // Q8_0
  EXPECT_EQ(bits({2, 16, f16, super, BiasKind::mins}), 3.125);  // Q2_K
  EXPECT_EQ(bits({3, 16, f16, super, offset}), 3.625);          // Q3_K
  EXPECT_EQ(bits({4, 32, f16, super, BiasKind::mins}), 4.625);  // Q4_K
  EXPECT_EQ(bits({5, 32, f16, super, BiasKind::mins}), 5.625);  // Q5_K
  EXPECT_EQ(bits({6, 16, f16, super, offset}), 6.625);          // Q6_K
  EXPECT_EQ(bits({2, 128, f16, super, offset}), 2.125);         // TQ2_0
  EXPECT_EQ(bits({6, 64, f16, row, offset, CodeValues::table_i8}), 6.0625);
  EXPECT_EQ(bits({4, 64, f16, row, offset, CodeValues::table_i8}), 4.0625);
  EXPECT_EQ(bits({6, 64, f16, row, offset, CodeValues::table_f16}), 6.09375);
  EXPECT_EQ(bits({4, 32, ScaleType::e8m0, group, offset, CodeValues::table_i8}), 4.28125);
  EXPECT_EQ(bits({4, 16, ScaleType::e4m3, group, offset, CodeValues::table_i8}), 4.53125);
  EXPECT_EQ(bits({8, 32, ScaleType::e8m0, group, offset, CodeValues::e4m3}), 8.28125);
}

// The layout as the header states it.
TEST(PanelKinds, LayoutOfScalesInTwoLevelsIsFixed) {
  const PanelFormat format{2, 16, ScaleType::f16, ScaleKind::super, BiasKind::mins};
  const size_t inputs = 512;
  const Source from(format, 16, inputs);
  const size_t header = 2 * 32 + 2 * 16 * 16, segment = header + 8 * 128;
  ASSERT_EQ(panel_stride(format, inputs), 2 * segment);
  const Panel panel = make_panel(2 * segment);
  pack_panel(format, inputs, from.rows, panel.get());
  const auto* bytes = reinterpret_cast<const uint8_t*>(panel.get());
  for (size_t s = 0; s < 2; ++s, bytes += segment) {
    for (size_t row = 0; row < 16; ++row) {
      EXPECT_EQ(std::memcmp(bytes + 2 * row, &from.d[row * 2 + s], 2), 0);
      EXPECT_EQ(std::memcmp(bytes + 32 + 2 * row, &from.dmin[row * 2 + s], 2), 0);
      for (size_t g = 0; g < 16; ++g) {
        EXPECT_EQ(bytes[64 + g * 16 + row], from.scale_bytes[row * 32 + s * 16 + g]);
        EXPECT_EQ(bytes[320 + g * 16 + row], from.bias_bytes[row * 32 + s * 16 + g]);
      }
      for (size_t k = 0; k < 256; ++k) {
        const uint8_t* block = bytes + header + k / 32 * 128;
        const size_t tile = k % 32 / 4, byte = 4 * row + k % 4;
        EXPECT_EQ(block[tile / 4 * 64 + byte] >> (2 * (tile % 4)) & 3,
                  from.codes[row * inputs + s * 256 + k]);
      }
    }
  }
}

TEST(PanelKinds, LayoutOfTablesIsFixed) {
  const size_t inputs = 64;
  PanelFormat format{3, 64, ScaleType::f32, ScaleKind::row, BiasKind::offset, CodeValues::table_i8};
  const Source from(format, 16, inputs);
  const size_t codes = 2 * 3 * 64;
  ASSERT_EQ(panel_stride(format, inputs), 128 + codes);
  Panel panel = make_panel(128 + codes);
  pack_panel(format, inputs, from.rows, panel.get());
  const auto* bytes = reinterpret_cast<const uint8_t*>(panel.get());
  for (size_t i = 0; i < 64; ++i) {
    EXPECT_EQ(bytes[i], i < 8 ? static_cast<uint8_t>(from.table_bytes[i] + 128) : 0);
  }
  EXPECT_EQ(std::memcmp(bytes + 64, from.scale_bytes.data(), 64), 0);

  format.values = CodeValues::table_f16;
  ASSERT_EQ(panel_stride(format, inputs), 128 + codes);
  pack_panel(format, inputs, from.rows, panel.get());
  EXPECT_EQ(std::memcmp(bytes, from.table_bytes.data(), 16), 0);
  for (size_t i = 16; i < 64; ++i) EXPECT_EQ(bytes[i], 0);
  EXPECT_EQ(std::memcmp(bytes + 64, from.scale_bytes.data(), 64), 0);
}

// Float8 panels begin with their largest magnitude.
TEST(PanelKinds, LargestMagnitudeOfFloat8) {
  const size_t inputs = 128;
  const PanelFormat e4m3{
      8, 128, ScaleType::f32, ScaleKind::group, BiasKind::offset, CodeValues::e4m3};
  PanelFormat e5m2 = e4m3;
  e5m2.values = CodeValues::e5m2;
  std::vector<uint8_t> codes(3 * inputs, 0x80);
  const std::vector<float> scales(3, 1);
  const auto largest = [&](const PanelFormat& format) {
    const Panel panel = make_panel(panel_stride(format, inputs));
    pack_panel(format, inputs, {3, codes.data(), scales.data()}, panel.get());
    float value;
    std::memcpy(&value, panel.get(), sizeof(value));
    return value;
  };
  EXPECT_EQ(largest(e4m3), 0);
  codes[300] = 0xb9;
  EXPECT_EQ(largest(e4m3), 1.125F);
  EXPECT_EQ(largest(e5m2), 0.625F);
  codes[7] = 0x7e;
  EXPECT_EQ(largest(e4m3), 448);
  EXPECT_TRUE(std::isnan(largest(e5m2)));
  codes[7] = 0xff;
  EXPECT_TRUE(std::isnan(largest(e4m3)));
  codes[7] = 0x7c;  // infinity
  EXPECT_TRUE(std::isnan(largest(e5m2)));
}

TEST(PanelKinds, RefusesWhatItCannotDo) {
  const PanelFormat good{4, 32, ScaleType::f16, ScaleKind::super, BiasKind::mins};
  EXPECT_NO_THROW(check_panel(good, 512));
  const auto refuses = [](PanelFormat format, size_t inputs = 512) {
    EXPECT_THROW(panel_layout(format, inputs), Error);
  };
  refuses(good, 384);
  for (const int bits : {-1, 0, 7, 9, 64, std::numeric_limits<int>::max()}) {
    PanelFormat f = good;
    f.bits = bits;
    refuses(f);
  }
  for (const int group : {-32, 0, 8, 48, 256}) {
    PanelFormat f = good;
    f.group_size = group;
    refuses(f);
  }
  const auto table = CodeValues::table_i8;
  refuses({4, 32, ScaleType::f16, ScaleKind::super, BiasKind::stored});
  refuses({4, 32, ScaleType::f16, ScaleKind::row, BiasKind::stored});
  refuses({4, 32, ScaleType::f16, ScaleKind::group, BiasKind::mins});
  refuses({4, 32, ScaleType::e8m0});
  refuses({4, 32, ScaleType::f16, ScaleKind::group, BiasKind::stored, table});
  refuses({4, 32, ScaleType::f16, ScaleKind::group, BiasKind::offset, table, 3});
  refuses({4, 32, ScaleType::f16, ScaleKind::group, BiasKind::offset, CodeValues::linear, 129});
  refuses({4, 32, ScaleType::f16, ScaleKind::group, BiasKind::offset, CodeValues::linear, -1});
  refuses({4, 32, ScaleType::f16, ScaleKind::group, BiasKind::offset, CodeValues::e4m3});
  refuses({8, 16, ScaleType::f16, ScaleKind::group, BiasKind::offset});
  refuses({4, 16, ScaleType::f16, ScaleKind::row, BiasKind::offset, CodeValues::table_f16});
  refuses({4, 32, ScaleType::f16, static_cast<ScaleKind>(3), BiasKind::offset});
  refuses({4, 32, ScaleType::f16, ScaleKind::group, static_cast<BiasKind>(3)});
  refuses({4, 32, ScaleType::f16, ScaleKind::group, BiasKind::offset, static_cast<CodeValues>(5)});
  constexpr size_t huge = std::numeric_limits<size_t>::max() / 256 * 256;
  refuses(good, huge);
  refuses({8, 64, ScaleType::f32, ScaleKind::row, BiasKind::offset, table}, huge);
  refuses({8, 32, ScaleType::e8m0, ScaleKind::group, BiasKind::offset, table}, huge);
  EXPECT_THROW(packed_size(good, huge, 4096), Error);
}

TEST(PanelKinds, PackingNamesWhatIsMissing) {
  const PanelFormat mins{4, 32, ScaleType::f16, ScaleKind::super, BiasKind::mins};
  const PanelFormat table{
      4, 32, ScaleType::f16, ScaleKind::group, BiasKind::offset, CodeValues::table_f16};
  const Source from(mins, 16, 256);
  const Panel panel = make_panel(panel_stride(mins, 256));
  const auto error = [&](const PanelFormat& format, PanelRows rows, size_t shift = 0) {
    return error_of([&] { pack_panel(format, 256, rows, panel.get() + shift); });
  };
  const auto without = [&](auto PanelRows::*member) {
    PanelRows rows = from.rows;
    rows.*member = nullptr;
    return rows;
  };
  EXPECT_NE(error(mins, without(&PanelRows::codes)).find("codes"), std::string::npos);
  EXPECT_NE(error(mins, without(&PanelRows::scales)).find("scales"), std::string::npos);
  EXPECT_NE(error(mins, without(&PanelRows::biases)).find("biases"), std::string::npos);
  EXPECT_NE(error(mins, without(&PanelRows::d)).find("without d,"), std::string::npos);
  EXPECT_NE(error(mins, without(&PanelRows::dmin)).find("dmin"), std::string::npos);
  EXPECT_NE(error(table, without(&PanelRows::table)).find("table"), std::string::npos);
  EXPECT_NE(error(mins, from.rows, 8).find("aligned"), std::string::npos);
  PanelRows rows = from.rows;
  for (const size_t count : {0, 17}) {
    rows.rows = count;
    EXPECT_NE(error(mins, rows).find("1 to 16"), std::string::npos);
  }
  const std::vector<uint32_t> codes(16 * 32);
  EXPECT_THROW(pack_affine(mins, 16, 256, codes.data(), from.rows.scales, from.rows.biases,
                           panel.get(), 0, 1),
               Error);
}

}  // namespace
}  // namespace tarn::quant
