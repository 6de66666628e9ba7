#include "tarn/quant/affine.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

#include "tarn/base/error.h"

namespace tarn::quant {
namespace {

template <typename T>
struct BitsOf {
  using type = uint16_t;
};
template <>
struct BitsOf<float> {
  using type = uint32_t;
};
template <typename T>
using Bits = typename BitsOf<T>::type;

// `golden` holds what mlx.core.quantize and dequantize returned for its weights, as bit patterns.
template <typename Scale>
void expect_as_mlx(const nlohmann::json& golden) {
  const size_t columns = golden["columns"];
  const int group_size = golden["group_size"];
  std::vector<float> weights;
  for (const Bits<Scale> bits : golden["weights"]) {
    weights.push_back(to_float(std::bit_cast<Scale>(bits)));
  }
  for (const auto& expected : golden["encoded"]) {
    const AffineFormat format{expected["bits"], group_size};
    SCOPED_TRACE(fmt::format("{} bits, groups of {}, {}", format.bits, group_size,
                             golden["type"].get<std::string>()));
    std::vector<uint32_t> codes(packed_words(columns, format.bits));
    std::vector<Scale> scales(columns / group_size), biases(scales.size());
    affine_encode(format, 1, columns, weights.data(), codes.data(), scales.data(), biases.data());
    EXPECT_EQ(codes, expected["codes"].get<std::vector<uint32_t>>());
    for (size_t i = 0; i < scales.size(); ++i) {
      EXPECT_EQ(std::bit_cast<Bits<Scale>>(scales[i]), expected["scales"][i]) << "group " << i;
      EXPECT_EQ(std::bit_cast<Bits<Scale>>(biases[i]), expected["biases"][i]) << "group " << i;
    }
    if (!expected.contains("decoded")) continue;
    std::vector<Scale> decoded(columns);
    affine_decode(format, 1, columns, codes.data(), scales.data(), biases.data(), decoded.data());
    for (size_t i = 0; i < columns; ++i) {
      ASSERT_EQ(std::bit_cast<Bits<Scale>>(decoded[i]), expected["decoded"][i]) << "value " << i;
    }
  }
}

TEST(Affine, EncodesAndDecodesAsMlx) {
  std::ifstream file(TARN_TEST_DATA "/quant/affine.json");
  const auto golden = nlohmann::json::parse(file);
  ASSERT_EQ(golden["cases"].size(), 9);
  for (const auto& one : golden["cases"]) {
    if (one["type"] == "f32") expect_as_mlx<float>(one);
    if (one["type"] == "f16") expect_as_mlx<float16>(one);
    if (one["type"] == "bf16") expect_as_mlx<bfloat16>(one);
  }
}

TEST(Affine, CodesSurviveTheRoundTrip) {
  std::mt19937 random(1);
  for (const int bits : {2, 3, 4, 5, 6, 8}) {
    std::vector<uint8_t> codes(96), back(96);
    for (auto& code : codes) code = static_cast<uint8_t>(random() % (1U << bits));
    std::vector<uint32_t> words(packed_words(codes.size(), bits));
    pack_codes(bits, codes.size(), codes.data(), words.data());
    unpack_codes(bits, back.size(), words.data(), back.data());
    EXPECT_EQ(codes, back) << bits << " bits";
    // Code i stands at bit i * bits of the stream.
    for (size_t i = 0; i < codes.size(); ++i) {
      uint32_t code = 0;
      for (int b = 0; b < bits; ++b) {
        const size_t at = i * static_cast<size_t>(bits) + static_cast<size_t>(b);
        code |= (words[at / 32] >> (at % 32) & 1U) << b;
      }
      ASSERT_EQ(code, codes[i]) << bits << " bits, code " << i;
    }
  }
}

// Rounding to the nearest code is off by half a step; the edge opposite to the exact one may be
// clamped, where moving the edge onto a whole step costs up to another half.
TEST(Affine, DecodesWithinAStep) {
  std::mt19937 random(2);
  std::normal_distribution<float> normal;
  for (const int bits : {2, 3, 4, 5, 6, 8}) {
    const AffineFormat format{bits, 64};
    const size_t rows = 3, columns = 256, groups = columns / 64;
    std::vector<float> weights(rows * columns), back(weights.size());
    for (auto& w : weights) w = normal(random);
    std::vector<uint32_t> codes(rows * packed_words(columns, bits));
    std::vector<float> scales(rows * groups), biases(rows * groups);
    affine_encode(format, rows, columns, weights.data(), codes.data(), scales.data(),
                  biases.data());
    affine_decode(format, rows, columns, codes.data(), scales.data(), biases.data(), back.data());
    for (size_t i = 0; i < weights.size(); ++i) {
      ASSERT_NEAR(back[i], weights[i], 1.001F * std::abs(scales[i / 64])) << bits << " bits";
    }
    for (size_t g = 0; g < scales.size(); ++g) {
      const auto* first = weights.data() + g * 64;
      const auto edge = *std::max_element(
          first, first + 64, [](float a, float b) { return std::abs(a) < std::abs(b); });
      EXPECT_EQ(biases[g], edge) << "the larger edge is exact";
    }
  }
}

TEST(Affine, NonFiniteGroupsDecodeToNan) {
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
        -std::numeric_limits<float>::infinity()}) {
    std::vector<float> weights(64, 1.0F), back(64);
    weights[3] = bad;
    std::vector<uint32_t> codes(packed_words(64, 3));
    std::vector<bfloat16> scales(2), biases(2);
    affine_encode({3, 32}, 1, 64, weights.data(), codes.data(), scales.data(), biases.data());
    affine_decode({3, 32}, 1, 64, codes.data(), scales.data(), biases.data(), back.data());
    EXPECT_TRUE(std::all_of(back.begin(), back.begin() + 32, [](float x) { return x != x; }));
    EXPECT_TRUE(std::all_of(back.begin() + 32, back.end(), [](float x) { return x == 1.0F; }));
  }
}

// The spread overflows float: no code is right, but nothing may break.
TEST(Affine, SurvivesAnOverflowingSpread) {
  std::vector<float> weights(32, 3e38F);
  weights[0] = -3e38F;
  std::vector<uint32_t> codes(packed_words(32, 4));
  float scale = 0, bias = 1;
  affine_encode({4, 32}, 1, 32, weights.data(), codes.data(), &scale, &bias);
  EXPECT_TRUE(std::isinf(scale));
  EXPECT_EQ(bias, 0);
}

void expect_refused(AffineFormat format, size_t columns, const std::string& why) {
  try {
    check_affine(format, columns);
    ADD_FAILURE() << "accepted; expected: " << why;
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::invalid_argument);
    EXPECT_NE(std::string(error.what()).find(why), std::string::npos) << error.what();
  }
}

TEST(Affine, RefusesWhatItCannotDo) {
  for (const int bits : {-1, 0, 1, 7, 9, 16}) expect_refused({bits, 64}, 128, "bits are not");
  for (const int group : {-32, 0, 16, 48, 256}) expect_refused({4, group}, 256, "a group of");
  expect_refused({4, 64}, 96, "rows of 96 inputs");
  EXPECT_NO_THROW(check_affine({5, 128}, 256));
}

}  // namespace
}  // namespace tarn::quant
