#include "tarn/quant/ggml_encode.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include "tarn/base/error.h"
#include "tarn/io/safetensors.h"
#include "tarn/quant/ggml_blocks.h"

namespace tarn::quant {
namespace {

std::vector<std::byte> encoded(GgmlType type, const std::vector<float>& values,
                               const float* importance = nullptr) {
  const GgmlTypeInfo& of = tarn::quant::info(type);
  std::vector<std::byte> blocks(values.size() / of.block_values * of.block_bytes);
  ggml_encode_row(type, values.size(), values.data(), importance, blocks.data());
  return blocks;
}

// Weighted squared error over the squares of the values.
double error_of(GgmlType type, const std::vector<float>& values, const std::vector<float>& weights,
                const float* importance) {
  const std::vector<std::byte> blocks = encoded(type, values, importance);
  std::vector<float> back(values.size());
  ggml_decode_row(type, values.size(), blocks.data(), back.data());
  double error = 0, energy = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    const double off = static_cast<double>(back[i]) - static_cast<double>(values[i]);
    error += static_cast<double>(weights[i]) * off * off;
    energy += static_cast<double>(weights[i]) * static_cast<double>(values[i]) * values[i];
  }
  return error / energy;
}

std::vector<float> normal_values(size_t count, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0, 0.05F);
  std::vector<float> values(count);
  for (float& value : values) value = normal(random);
  return values;
}

TEST(GgmlEncode, RoundsAsGgmlDoes) {
  const SafetensorsFile file =
      SafetensorsFile::open(TARN_TEST_DATA "/quant/ggml_blocks.safetensors");
  const TensorInfo& weights = file.tensor("weights");
  std::vector<float> values(weights.bytes.size() / sizeof(float));
  std::memcpy(values.data(), weights.bytes.data(), weights.bytes.size());
  for (const GgmlType type : {GgmlType::q4_0, GgmlType::q4_1, GgmlType::q5_0, GgmlType::q5_1,
                              GgmlType::q8_0, GgmlType::tq1_0, GgmlType::tq2_0, GgmlType::mxfp4}) {
    const std::string name(tarn::quant::info(type).name);
    const TensorInfo& expected = file.tensor(name + ".rounded");
    const std::vector<std::byte> blocks = encoded(type, values);
    ASSERT_EQ(blocks.size(), expected.bytes.size()) << name;
    for (size_t i = 0; i < blocks.size(); ++i) {
      ASSERT_EQ(blocks[i], expected.bytes[i]) << name << " byte " << i;
    }
  }
}

// Relative errors of normally distributed weights, all alike. The bounds are what llama.cpp's
// encoder reaches, for IQ1_S, IQ1_M, IQ2_XXS and IQ2_XS with an importance of one.
TEST(GgmlEncode, ErrorsAreBelowThoseOfLlamaCpp) {
  const std::vector<float> values = normal_values(16384, 1);
  const std::vector<float> ones(values.size(), 1);
  const std::pair<GgmlType, double> bounds[] = {
      {GgmlType::q2_k, 8.82e-2},    {GgmlType::q3_k, 2.28e-2},  {GgmlType::q4_k, 5.11e-3},
      {GgmlType::q5_k, 1.31e-3},    {GgmlType::q6_k, 3.16e-4},  {GgmlType::iq4_xs, 5.90e-3},
      {GgmlType::iq4_nl, 5.81e-3},  {GgmlType::nvfp4, 1.07e-2}, {GgmlType::iq3_s, 2.77e-2},
      {GgmlType::iq3_xxs, 4.56e-2}, {GgmlType::iq2_s, 7.02e-2}, {GgmlType::iq2_xs, 8.98e-2},
      {GgmlType::iq2_xxs, 1.18e-1}, {GgmlType::iq1_m, 2.04e-1}, {GgmlType::iq1_s, 2.36e-1}};
  for (const auto& [type, bound] : bounds) {
    const double error = error_of(type, values, ones, nullptr);
    EXPECT_LT(error, bound) << tarn::quant::info(type).name;
    EXPECT_GT(error, bound / 2) << tarn::quant::info(type).name << ": the bound is stale";
  }
}

TEST(GgmlEncode, ImportanceMovesTheErrorToWhereItCountsLess) {
  const std::vector<float> values = normal_values(4096, 2);
  std::vector<float> importance(values.size());
  for (size_t i = 0; i < importance.size(); ++i) importance[i] = i % 7 == 0 ? 100.0F : 1.0F;
  for (const GgmlTypeInfo& one : ggml_types()) {
    if (!is_weight_type(one.type)) continue;
    EXPECT_LT(error_of(one.type, values, importance, importance.data()),
              error_of(one.type, values, importance, nullptr))
        << one.name;
  }
}

// What counts nothing may become anything, and must not become NaN.
TEST(GgmlEncode, TakesInputsThatDoNotCount) {
  const std::vector<float> values = normal_values(512, 3);
  for (const size_t counting : {size_t{0}, size_t{17}}) {
    std::vector<float> importance(values.size());
    std::fill(importance.begin(), importance.begin() + static_cast<long>(counting), 1.0F);
    for (const GgmlTypeInfo& one : ggml_types()) {
      if (!is_weight_type(one.type)) continue;
      const std::vector<std::byte> blocks = encoded(one.type, values, importance.data());
      std::vector<float> back(values.size());
      ggml_decode_row(one.type, values.size(), blocks.data(), back.data());
      for (const float x : back) ASSERT_LT(std::abs(x), 1) << one.name;
    }
  }
}

// Blocks made by decoding come back as they were: their values stand on a grid, the search finds
// it.
TEST(GgmlEncode, FindsGridsAgain) {
  const std::vector<float> weights = normal_values(2048, 4);
  const std::vector<float> ones(weights.size(), 1);
  for (const GgmlTypeInfo& one : ggml_types()) {
    if (!is_weight_type(one.type)) continue;
    const std::vector<std::byte> blocks = encoded(one.type, weights);
    std::vector<float> values(weights.size());
    ggml_decode_row(one.type, values.size(), blocks.data(), values.data());
    const double first = error_of(one.type, weights, ones, nullptr);
    EXPECT_LT(error_of(one.type, values, ones, nullptr), first / 3 + 1e-9) << one.name;
  }
}

TEST(GgmlEncode, NamesWhatItCannotStore) {
  for (const GgmlTypeInfo& one : ggml_types()) {
    if (!can_encode(one.type)) {
      EXPECT_THROW(encoded(one.type, std::vector<float>(512)), Error) << one.name;
      continue;
    }
    for (const float bad : {NAN, INFINITY, -INFINITY}) {
      std::vector<float> values(512, 0.5F);
      values[300] = bad;
      EXPECT_THAT([&] { encoded(one.type, values); },
                  ::testing::ThrowsMessage<Error>(::testing::HasSubstr("input 300")))
          << one.name;
    }
    if (one.block_values == 1) continue;
    EXPECT_THROW(encoded(one.type, std::vector<float>(one.block_values + 1)), Error) << one.name;
  }
  EXPECT_THROW(encoded(GgmlType::q4_0, std::vector<float>(32, 1e9F)), Error);
  EXPECT_THROW(encoded(GgmlType::nvfp4, std::vector<float>(64, -2700.0F)), Error);
}

TEST(GgmlEncode, TakesExtremes) {
  for (const GgmlTypeInfo& one : ggml_types()) {
    if (!is_weight_type(one.type)) continue;
    for (const float value : {0.0F, 1.0F, -1.0F, 1e-45F, 1e-38F, 1e-7F, 60000.0F, -3e-8F}) {
      if (one.type == GgmlType::nvfp4 && value > 2688) continue;
      // Alone among zeros, and everywhere.
      for (const size_t every : {size_t{512}, size_t{1}}) {
        std::vector<float> values(512);
        for (size_t i = 0; i < values.size(); i += every) values[i] = value;
        const std::vector<std::byte> blocks = encoded(one.type, values);
        std::vector<float> back(values.size());
        ggml_decode_row(one.type, values.size(), blocks.data(), back.data());
        for (size_t i = 0; i < back.size(); ++i) {
          ASSERT_TRUE(std::isfinite(back[i])) << one.name << " of " << value;
          if (every != 1) continue;
          const double least = one.type == GgmlType::nvfp4 ? 1e-3 : 1e-6;  // scales end at 2^-9
          ASSERT_NEAR(back[i], value, std::abs(value) * 0.35 + least)
              << one.name << " of " << value;
        }
      }
    }
  }
}

}  // namespace
}  // namespace tarn::quant
