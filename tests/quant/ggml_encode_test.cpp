#include "tarn/quant/ggml_encode.h"

#include <gtest/gtest.h>

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

// Relative errors of normally distributed weights: the best scalar quantizers of so many levels
// with scales by group reach about these.
TEST(GgmlEncode, ErrorsAreThoseOfTheirBits) {
  const std::vector<float> values = normal_values(16384, 1);
  const std::vector<float> ones(values.size(), 1);
  const std::pair<GgmlType, double> bounds[] = {
      {GgmlType::q2_k, 8.5e-2},   {GgmlType::q3_k, 2.2e-2},  {GgmlType::q4_k, 5.7e-3},
      {GgmlType::q5_k, 1.45e-3},  {GgmlType::q6_k, 3.6e-4},  {GgmlType::iq4_xs, 5.6e-3},
      {GgmlType::iq4_nl, 5.6e-3}, {GgmlType::nvfp4, 9.5e-3}, {GgmlType::q8_0, 3e-5}};
  for (const auto& [type, bound] : bounds) {
    const double error = error_of(type, values, ones, nullptr);
    EXPECT_LT(error, bound) << tarn::quant::info(type).name;
    EXPECT_GT(error, bound / 3) << tarn::quant::info(type).name << ": the bound is stale";
  }
}

TEST(GgmlEncode, ImportanceMovesTheErrorToWhereItCountsLess) {
  const std::vector<float> values = normal_values(4096, 2);
  std::vector<float> importance(values.size());
  for (size_t i = 0; i < importance.size(); ++i) importance[i] = i % 7 == 0 ? 100.0F : 1.0F;
  for (const GgmlType type : {GgmlType::q4_0, GgmlType::q4_1, GgmlType::q2_k, GgmlType::q3_k,
                              GgmlType::q4_k, GgmlType::q5_k, GgmlType::q6_k, GgmlType::iq4_xs}) {
    EXPECT_LT(error_of(type, values, importance, importance.data()),
              error_of(type, values, importance, nullptr))
        << tarn::quant::info(type).name;
  }
}

TEST(GgmlEncode, TakesExtremes) {
  for (const GgmlTypeInfo& one : ggml_types()) {
    if (!is_weight_type(one.type)) continue;
    if (!can_encode(one.type)) {
      EXPECT_THROW(encoded(one.type, std::vector<float>(512)), Error) << one.name;
      continue;
    }
    for (const float value : {0.0F, 1.0F, -1.0F, 1e-38F, 60000.0F, -3e-8F}) {
      const std::vector<float> values(512, value);
      const std::vector<std::byte> blocks = encoded(one.type, values);
      std::vector<float> back(values.size());
      ggml_decode_row(one.type, values.size(), blocks.data(), back.data());
      for (const float x : back) {
        ASSERT_TRUE(std::isfinite(x)) << one.name << " of " << value;
        if (one.type == GgmlType::nvfp4) continue;  // its scales end at 448
        ASSERT_NEAR(x, value, std::abs(value) * 0.35 + 1e-6) << one.name << " of " << value;
      }
    }
  }
}

}  // namespace
}  // namespace tarn::quant
