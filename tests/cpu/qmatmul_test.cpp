#include "tarn/cpu/isa/qmatmul.h"

#include <fmt/core.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <new>
#include <random>
#include <string>
#include <vector>

namespace tarn::cpu {
namespace {

using quant::BiasKind;
using quant::CodeValues;
using quant::PanelFormat;
using quant::ScaleKind;
using quant::ScaleType;

constexpr size_t most_tokens = 33;
constexpr std::array<size_t, 8> token_counts = {1, 2, 3, 4, 5, 7, 8, most_tokens};

struct FreeAligned {
  void operator()(std::byte* p) const { ::operator delete (p, std::align_val_t{64}); }
};
using AlignedBytes = std::unique_ptr<std::byte, FreeAligned>;

AlignedBytes aligned_bytes(size_t size) {
  return AlignedBytes(static_cast<std::byte*>(::operator new (size, std::align_val_t{64})));
}

template <typename Scale>
constexpr ScaleType scale_type() {
  if constexpr (std::is_same_v<Scale, float16>) return ScaleType::f16;
  if constexpr (std::is_same_v<Scale, bfloat16>) return ScaleType::bf16;
  return ScaleType::f32;
}

// A random matrix, as panels and as the floats they stand for, and activations for it.
struct Problem {
  PanelMatrix matrix{};
  AlignedBytes panels;
  std::vector<float> weights;  // [rows, inputs]
  std::vector<float> x;        // [most_tokens, inputs]
  // How far a weight may be from the one that the int8 product computes with: half a unit of 15
  // bits of the panel's largest value (quant::is_wide), of [rows].
  std::vector<double> weight_rounding;

  template <typename Scale>
  static Problem make(int bits, int group_size, size_t rows, size_t inputs) {
    Problem p;
    std::mt19937 random(static_cast<uint32_t>(bits * 1000 + group_size + static_cast<int>(rows)));
    std::vector<uint32_t> codes(rows * quant::packed_words(inputs, bits));
    for (auto& word : codes) word = static_cast<uint32_t>(random());
    for (size_t i = 0; i < quant::packed_words(inputs, bits); ++i) codes[i] = 0xffffffffU;
    std::normal_distribution<float> normal;
    std::vector<Scale> scales(rows * inputs / static_cast<size_t>(group_size));
    std::vector<Scale> biases(scales.size());
    const auto levels = static_cast<float>(1 << bits);
    for (auto& s : scales) s = from_float<Scale>(normal(random) / levels);
    for (auto& b : biases) b = from_float<Scale>(normal(random));
    p.weights.resize(rows * inputs);
    quant::affine_decode({bits, group_size}, rows, inputs, codes.data(), scales.data(),
                         biases.data(), p.weights.data());
    const PanelFormat format{bits, group_size, scale_type<Scale>()};
    p.panels = aligned_bytes(quant::packed_size(format, rows, inputs));
    p.matrix = {format, p.panels.get(), rows, inputs};
    quant::pack_affine(format, rows, inputs, codes.data(), scales.data(), biases.data(),
                       p.panels.get(), 0, quant::panel_count(rows));
    p.x.resize(most_tokens * inputs);
    for (auto& value : p.x) value = normal(random);
    // The extremes of the integer sums: the largest codes of row 0 with all activations at the same
    // end of their scale.
    for (size_t k = 0; k < inputs; ++k) {
      p.x[k] = 1;
      p.x[inputs + k] = -1;
    }
    return p;
  }
};

// Quantizes with one instruction set; owns the buffer.
struct Activations {
  std::vector<float> buffer;
  QuantizedActivations view;

  Activations(Isa isa, const Problem& p, size_t tokens)
      : buffer(quantized_activations_size(tokens, p.matrix.inputs, p.matrix.format.group_size) /
               sizeof(float)),
        view(quantized_activations_in(reinterpret_cast<std::byte*>(buffer.data()), tokens,
                                      p.matrix.inputs, p.matrix.format.group_size)) {
    qmatmul_kernels(isa).quantize_activations(p.x.data(), p.matrix.inputs, tokens, p.matrix.inputs,
                                              p.matrix.format.group_size, 0, tokens, view);
  }
};

// A kind of panel beside the affine ones.
struct Kind {
  const char* name;
  PanelFormat format;
};

constexpr std::array kinds = {
    Kind{"q4_0",
         {4, 32, ScaleType::f16, ScaleKind::group, BiasKind::offset, CodeValues::linear, 8}},
    Kind{"q8_0",
         {8, 32, ScaleType::f16, ScaleKind::group, BiasKind::offset, CodeValues::linear, 128}},
    Kind{"q2_k", {2, 16, ScaleType::f16, ScaleKind::super, BiasKind::mins}},
    Kind{"q3_k",
         {3, 16, ScaleType::f16, ScaleKind::super, BiasKind::offset, CodeValues::linear, 4}},
    Kind{"q4_k", {4, 32, ScaleType::f16, ScaleKind::super, BiasKind::mins}},
    Kind{"q5_k", {5, 32, ScaleType::f16, ScaleKind::super, BiasKind::mins}},
    Kind{"q6_k",
         {6, 16, ScaleType::f16, ScaleKind::super, BiasKind::offset, CodeValues::linear, 32}},
    Kind{"tq2_0",
         {2, 64, ScaleType::f16, ScaleKind::super, BiasKind::offset, CodeValues::linear, 1}},
    Kind{"iq4_nl",
         {4, 32, ScaleType::f16, ScaleKind::group, BiasKind::offset, CodeValues::table_i8}},
    Kind{"iq2_xs",
         {3, 16, ScaleType::f16, ScaleKind::super, BiasKind::offset, CodeValues::table_i8, 0,
          0.125F}},
    Kind{"mxfp4",
         {4, 32, ScaleType::e8m0, ScaleKind::group, BiasKind::offset, CodeValues::table_i8, 0,
          0.5F}},
    Kind{"nvfp4",
         {4, 16, ScaleType::e4m3, ScaleKind::group, BiasKind::offset, CodeValues::table_i8, 0,
          0.3F}},
    Kind{"lut1", {1, 64, ScaleType::f32, ScaleKind::row, BiasKind::offset, CodeValues::table_i8}},
    Kind{"lut2", {2, 32, ScaleType::f32, ScaleKind::row, BiasKind::offset, CodeValues::table_i8}},
    Kind{"lut3",
         {3, 64, ScaleType::bf16, ScaleKind::group, BiasKind::offset, CodeValues::table_i8}},
    Kind{"lut5", {5, 64, ScaleType::f32, ScaleKind::group, BiasKind::offset, CodeValues::table_i8}},
    Kind{"lut6", {6, 64, ScaleType::f32, ScaleKind::row, BiasKind::offset, CodeValues::table_i8}},
    Kind{"lut8", {8, 32, ScaleType::f32, ScaleKind::row, BiasKind::offset, CodeValues::table_i8}},
    Kind{"sym4_g128",
         {4, 128, ScaleType::f16, ScaleKind::group, BiasKind::offset, CodeValues::linear, 8}},
    Kind{"tq2_g128",
         {2, 128, ScaleType::f16, ScaleKind::super, BiasKind::offset, CodeValues::linear, 1}},
    Kind{"lut6_g128",
         {6, 128, ScaleType::bf16, ScaleKind::group, BiasKind::offset, CodeValues::table_i8}},
    Kind{"lut1_f16",
         {1, 32, ScaleType::f32, ScaleKind::row, BiasKind::offset, CodeValues::table_f16}},
    Kind{"lut3_f16",
         {3, 64, ScaleType::f16, ScaleKind::group, BiasKind::offset, CodeValues::table_f16}},
    Kind{"lut4_f16",
         {4, 64, ScaleType::f32, ScaleKind::row, BiasKind::offset, CodeValues::table_f16}},
    Kind{"lut5_f16",
         {5, 32, ScaleType::f16, ScaleKind::super, BiasKind::offset, CodeValues::table_f16}},
    Kind{"lut6_f16",
         {6, 64, ScaleType::f32, ScaleKind::row, BiasKind::offset, CodeValues::table_f16}},
    Kind{"lut8_f16",
         {8, 128, ScaleType::f32, ScaleKind::row, BiasKind::offset, CodeValues::table_f16}},
    Kind{"mxfp8", {8, 32, ScaleType::e8m0, ScaleKind::group, BiasKind::offset, CodeValues::e4m3}},
    Kind{"fp8", {8, 128, ScaleType::f32, ScaleKind::group, BiasKind::offset, CodeValues::e4m3}},
    Kind{"mxfp8_e5m2", {8, 64, ScaleType::f32, ScaleKind::row, BiasKind::offset, CodeValues::e5m2}},
};

template <typename T>
std::vector<T> random_values(size_t count, std::mt19937& random, double largest) {
  std::uniform_real_distribution<double> values(-largest, largest);
  std::vector<T> all(count);
  for (T& one : all) {
    if constexpr (std::is_integral_v<T>) {
      one = static_cast<T>(values(random));
    } else {
      one = from_float<T>(static_cast<float>(values(random)));
    }
  }
  return all;
}

Problem problem_of(const PanelFormat& format, size_t rows, size_t inputs) {
  Problem p;
  std::mt19937 random(static_cast<uint32_t>(rows * 1000 + inputs));
  const size_t groups = inputs / static_cast<size_t>(format.group_size);
  const size_t supers = (inputs + 255) / 256;
  p.panels = aligned_bytes(quant::packed_size(format, rows, inputs));
  p.matrix = {format, p.panels.get(), rows, inputs};
  for (size_t panel = 0; panel < quant::panel_count(rows); ++panel) {
    std::vector<uint8_t> codes(16 * inputs);
    const bool float8 = format.values >= CodeValues::e4m3;
    for (uint8_t& code : codes) {
      code = static_cast<uint8_t>(random() & ((1U << format.bits) - 1));
      if (float8 && (code & 0x78) == 0x78) code ^= 0x40;  // finite
    }
    const auto f32 = random_values<float>(16 * groups, random, 0.1);
    const auto f16 = random_values<float16>(16 * groups, random, 0.1);
    const auto bf16 = random_values<bfloat16>(16 * groups, random, 0.1);
    auto bytes = random_values<int8_t>(16 * groups, random, 127);
    std::vector<uint8_t> exponents(16 * groups);
    for (size_t i = 0; i < exponents.size(); ++i) {
      exponents[i] = format.scale_type == ScaleType::e8m0
                         ? static_cast<uint8_t>(i % 17 == 0 ? 0 : 110 + random() % 12)
                         : static_cast<uint8_t>(random() & 0x7f & ~1U);
    }
    const auto d = random_values<float16>(16 * supers, random, 0.01);
    const auto dmin = random_values<float16>(16 * supers, random, 0.01);
    const auto table = random_values<int8_t>(256, random, 127);
    quant::PanelRows from{std::min<size_t>(16, rows - panel * 16), codes.data()};
    from.scales = format.scales == ScaleKind::super      ? static_cast<const void*>(bytes.data())
                  : format.scale_type == ScaleType::f16  ? static_cast<const void*>(f16.data())
                  : format.scale_type == ScaleType::bf16 ? static_cast<const void*>(bf16.data())
                  : format.scale_type == ScaleType::f32  ? static_cast<const void*>(f32.data())
                                                         : exponents.data();
    from.biases = exponents.data();
    from.d = d.data();
    from.dmin = dmin.data();
    const auto wide_table = random_values<float16>(256, random, 3);
    from.table = table.data();
    if (format.values == CodeValues::table_f16) from.table = wide_table.data();
    quant::pack_panel(format, inputs, from,
                      p.panels.get() + panel * quant::panel_stride(format, inputs));
  }
  p.weights.resize(rows * inputs);
  for (size_t row = 0; row < rows; ++row) {
    quant::unpack_row(format, inputs, p.panels.get(), row, &p.weights[row * inputs]);
  }
  if (quant::is_wide(format.values)) {
    // Scales are alike enough within a row to take the largest for all.
    const double largest_value = format.values == CodeValues::table_f16 ? 3
                                 : format.values == CodeValues::e4m3    ? 448
                                                                        : 57344;
    const double largest_scale = format.scales == ScaleKind::super      ? 0.01 * 127
                                 : format.scale_type == ScaleType::e8m0 ? 0x1p-5
                                                                        : 0.1;
    p.weight_rounding.assign(rows, 0.5 * largest_value / 16383 * largest_scale);
  }
  p.x = random_values<float>(most_tokens * inputs, random, 1);
  for (size_t k = 0; k < inputs; ++k) {
    p.x[k] = 1;
    p.x[inputs + k] = -1;
  }
  return p;
}

constexpr float untouched = -12345.0F;

std::vector<float> product(Isa isa, const Problem& p, size_t tokens, bool exact) {
  std::vector<float> out(tokens * p.matrix.rows, untouched);
  const size_t panels = quant::panel_count(p.matrix.rows);
  if (exact) {
    qmatmul_kernels(isa).matmul_exact(p.matrix, 0, panels, p.x.data(), p.matrix.inputs, tokens,
                                      out.data(), p.matrix.rows);
  } else {
    const Activations x(isa, p, tokens);
    qmatmul_kernels(isa).matmul(p.matrix, 0, panels, x.view, tokens, out.data(), p.matrix.rows);
  }
  return out;
}

// The exact product: a float sum of K products in any order is within K * 2^-24 of the sum of
// magnitudes. The int8 product: each activation is off by at most half a step of its group, which
// is largest magnitude / 127; the float arithmetic on top is covered by the exact product's bound.
void expect_near_reference(const Problem& p, const std::vector<float>& out, bool exact) {
  const size_t inputs = p.matrix.inputs;
  const auto group_size = static_cast<size_t>(p.matrix.format.group_size);
  for (size_t t = 0; t < most_tokens; ++t) {
    std::vector<double> half_step(inputs / group_size);
    for (size_t k = 0; k < inputs; ++k) {
      double& step = half_step[k / group_size];
      step = std::max(step, std::abs(static_cast<double>(p.x[t * inputs + k])) / 254);
    }
    for (size_t n = 0; n < p.matrix.rows; ++n) {
      double sum = 0, magnitudes = 0, steps = 0;
      for (size_t k = 0; k < inputs; ++k) {
        const double w = p.weights[n * inputs + k], x = p.x[t * inputs + k];
        sum += w * x;
        magnitudes += std::abs(w * x);
        steps += std::abs(w) * half_step[k / group_size];
        if (!p.weight_rounding.empty()) steps += std::abs(x) * p.weight_rounding[n] * 1.01;
      }
      // Codes and biases cancel in part: their terms are larger than their sum, at most this much.
      const double rounding = magnitudes * static_cast<double>(inputs + 4) * 0x1p-24 + 1e-4;
      const double tolerance = exact ? rounding : rounding + steps * 1.001;
      ASSERT_NEAR(out[t * p.matrix.rows + n], sum, tolerance) << "token " << t << ", row " << n;
    }
  }
}

void check(const Problem& p) {
  SCOPED_TRACE(fmt::format("{} bits, groups of {}, scale type {}, [{}, {}]", p.matrix.format.bits,
                           p.matrix.format.group_size, static_cast<int>(p.matrix.format.scale_type),
                           p.matrix.rows, p.matrix.inputs));
  for (const bool exact : {false, true}) {
    const std::vector<float> expected = product(Isa::portable, p, most_tokens, exact);
    expect_near_reference(p, expected, exact);
    for (const Isa isa : available_isas()) {
      for (const size_t tokens : token_counts) {
        const std::vector<float> out = product(isa, p, tokens, exact);
        ASSERT_EQ(std::memcmp(out.data(), expected.data(), out.size() * sizeof(float)), 0)
            << name(isa) << ", " << tokens << " tokens, " << (exact ? "exact" : "int8")
            << ": not the bits of the portable product of " << most_tokens << " tokens";
      }
    }
  }
}

class QMatmul : public testing::TestWithParam<int> {};

TEST_P(QMatmul, SameBitsEverywhereAndNearTheReference) {
  const int bits = GetParam();
  for (const int group_size : {32, 64, 128}) {
    for (const size_t rows : {1, 15, 17, 100}) {
      for (const size_t groups : {1, 3}) {
        const size_t inputs = groups * static_cast<size_t>(group_size);
        check(Problem::make<float>(bits, group_size, rows, inputs));
        check(Problem::make<float16>(bits, group_size, rows, inputs));
        check(Problem::make<bfloat16>(bits, group_size, rows, inputs));
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Bits, QMatmul, testing::Values(2, 3, 4, 5, 6, 8));

class QMatmulKinds : public testing::TestWithParam<Kind> {};

TEST_P(QMatmulKinds, SameBitsEverywhereAndNearTheReference) {
  const PanelFormat& format = GetParam().format;
  const bool super = format.scales == ScaleKind::super;
  for (const size_t rows : {1, 17, 100}) {
    // One whole segment; several; one that is not whole.
    for (const size_t inputs : {256, 768, 128, 384}) {
      if (super && inputs % 256 != 0) continue;
      check(problem_of(format, rows, inputs));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Panels, QMatmulKinds, testing::ValuesIn(kinds),
                         [](const auto& kind) { return kind.param.name; });

// More tokens than a token block, a range of panels at a time, rows of the output far apart.
TEST(QMatmulRanges, PanelRangesAndStridesDoNotMatter) {
  const Problem p = Problem::make<float16>(4, 64, 150, 192);
  const size_t panels = quant::panel_count(150), tokens = 150, stride = 161;
  std::mt19937 random(3);
  std::normal_distribution<float> normal;
  std::vector<float> x(tokens * 192);
  for (auto& value : x) value = normal(random);
  for (const Isa isa : available_isas()) {
    const auto& kernels = qmatmul_kernels(isa);
    std::vector<float> buffer(quantized_activations_size(tokens, 192, 64) / sizeof(float));
    const auto view =
        quantized_activations_in(reinterpret_cast<std::byte*>(buffer.data()), tokens, 192, 64);
    kernels.quantize_activations(x.data(), 192, tokens, 192, 64, 0, 70, view);
    kernels.quantize_activations(x.data(), 192, tokens, 192, 64, 70, tokens, view);
    for (const bool exact : {false, true}) {
      std::vector<float> whole(tokens * 150), parts(tokens * stride, untouched);
      const auto run = [&](size_t first, size_t last, float* out, size_t out_stride) {
        if (exact) {
          kernels.matmul_exact(p.matrix, first, last, x.data(), 192, tokens, out, out_stride);
        } else {
          kernels.matmul(p.matrix, first, last, view, tokens, out, out_stride);
        }
      };
      run(0, panels, whole.data(), 150);
      run(6, panels, parts.data(), stride);
      run(0, 1, parts.data(), stride);
      run(1, 6, parts.data(), stride);
      run(2, 2, parts.data(), stride);
      for (size_t t = 0; t < tokens; ++t) {
        ASSERT_EQ(std::memcmp(&whole[t * 150], &parts[t * stride], 150 * sizeof(float)), 0);
        for (size_t i = 150; i < stride; ++i) ASSERT_EQ(parts[t * stride + i], untouched);
      }
    }
  }
}

TEST(QuantizeActivations, RoundsAndKeepsNonFiniteGroupsVisible) {
  constexpr size_t groups = 8, inputs = groups * 32;
  constexpr float infinity = std::numeric_limits<float>::infinity();
  std::vector<float> x(inputs);
  x[0] = 127;
  x[1] = 0.5F;  // ties go to even
  x[2] = 1.5F;
  x[3] = -2.5F;
  x[4] = -127;
  x[32 + 5] = std::numeric_limits<float>::quiet_NaN();
  x[64 + 31] = -infinity;
  // group 3: zeros
  x[4 * 32] = std::numeric_limits<float>::denorm_min();
  for (size_t i = 5 * 32; i < 6 * 32; ++i) x[i] = -std::numeric_limits<float>::max();
  x[6 * 32 + 7] = 0x1p-90F;
  for (size_t i = 7 * 32; i < inputs; ++i) x[i] = std::sin(static_cast<float>(i));
  std::vector<float> first;
  for (const Isa isa : available_isas()) {
    SCOPED_TRACE(std::string(name(isa)));
    std::vector<float> buffer(quantized_activations_size(1, inputs, 32) / sizeof(float));
    const auto q =
        quantized_activations_in(reinterpret_cast<std::byte*>(buffer.data()), 1, inputs, 32);
    qmatmul_kernels(isa).quantize_activations(x.data(), inputs, 1, inputs, 32, 0, 1, q);
    EXPECT_EQ(q.scales[0], 1);
    EXPECT_EQ(q.sums[0], 0);
    EXPECT_EQ(std::vector<int>(q.codes, q.codes + 5), (std::vector<int>{127, 0, 2, -2, -127}));
    for (const size_t bad : {1, 2}) {
      EXPECT_TRUE(std::isnan(q.scales[bad]) && std::isnan(q.sums[bad]));
      EXPECT_EQ(std::vector<int>(q.codes + bad * 32, q.codes + bad * 32 + 32),
                std::vector<int>(32));
    }
    EXPECT_EQ(q.scales[3], 0);
    EXPECT_EQ(q.sums[3], 0);
    EXPECT_EQ(q.scales[4], 0);
    EXPECT_EQ(q.codes[5 * 32], -127);
    EXPECT_EQ(q.codes[6 * 32 + 7], 127);
    for (size_t i = 7 * 32; i < inputs; ++i) {
      EXPECT_NEAR(q.codes[i] * q.scales[7], x[i], q.scales[7] * 0.5001F);
    }
    if (first.empty()) first = buffer;
    EXPECT_EQ(std::memcmp(first.data(), buffer.data(), buffer.size() * sizeof(float)), 0);
  }
}

// Tables are in the panel's header, where a value that is not finite cannot pass as a number.
TEST(QMatmulNonFinite, NanOfAWideValueReachesItsPanel) {
  constexpr size_t inputs = 128;
  std::vector<uint8_t> codes(16 * inputs, 0x30);
  const std::vector<float> scales(16, 1), x(inputs, 1);
  std::vector<float16> table(256, from_float<float16>(1));
  for (const auto values : {CodeValues::e4m3, CodeValues::e5m2, CodeValues::table_f16}) {
    const PanelFormat format{8, 64, ScaleType::f32, ScaleKind::row, BiasKind::offset, values};
    quant::PanelRows rows{16, codes.data(), scales.data()};
    rows.table = table.data();
    const size_t stride = quant::panel_stride(format, inputs);
    const AlignedBytes panels = aligned_bytes(2 * stride);
    quant::pack_panel(format, inputs, rows, panels.get());
    codes[3 * inputs + 5] = 0xff;
    table[0xff] = {0x7e00};
    quant::pack_panel(format, inputs, rows, panels.get() + stride);
    codes[3 * inputs + 5] = 0x30;
    table[0xff] = table[0];
    Problem p;
    p.matrix = {format, panels.get(), 32, inputs};
    p.x = x;
    for (const Isa isa : available_isas()) {
      const auto quantized = product(isa, p, 1, false), exact = product(isa, p, 1, true);
      for (size_t row = 0; row < 32; ++row) {
        EXPECT_EQ(std::isnan(quantized[row]), row >= 16) << row;
        EXPECT_EQ(std::isnan(exact[row]), row == 19) << row;
      }
    }
  }
}

// What a mapped file may hold in a float8 panel's header.
TEST(QMatmulNonFinite, AnyLargestMagnitudeIsSafe) {
  Problem p = problem_of(
      {8, 32, ScaleType::e8m0, ScaleKind::group, BiasKind::offset, CodeValues::e4m3}, 16, 64);
  for (const uint32_t bits : {0x00000000U, 0x00000001U, 0x80000001U, 0xbf800000U, 0x7f800000U,
                              0xff800000U, 0x7fc00000U, 0x7f7fffffU}) {
    std::memcpy(p.panels.get(), &bits, sizeof(bits));
    std::vector<float> first;
    for (const Isa isa : available_isas()) {
      const auto out = product(isa, p, 2, false);
      if (first.empty()) first = out;
      for (size_t i = 0; i < out.size(); ++i) {
        EXPECT_TRUE(out[i] == first[i] || (std::isnan(out[i]) && std::isnan(first[i]))) << bits;
      }
    }
  }
}

TEST(QMatmulNonFinite, NanReachesTheOutputOfItsTokenOnly) {
  Problem p = Problem::make<bfloat16>(4, 32, 17, 64);
  p.x[64 + 40] = std::numeric_limits<float>::quiet_NaN();
  for (const Isa isa : available_isas()) {
    for (const bool exact : {false, true}) {
      const auto out = product(isa, p, 3, exact);
      for (size_t i = 0; i < out.size(); ++i) EXPECT_EQ(std::isnan(out[i]), i / 17 == 1);
    }
  }
}

}  // namespace
}  // namespace tarn::cpu
