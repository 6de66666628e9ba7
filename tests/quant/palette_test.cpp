#include "tarn/quant/palette.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

#include "tests/support/errors.h"

namespace tarn::quant {
namespace {

struct Result {
  std::vector<uint8_t> codes;
  std::vector<float> table;
  double error = 0;
};

Result encode(const char* format, const std::vector<float>& weights, size_t columns,
              const float* importance = nullptr) {
  const Format parsed = parse_format(format);
  Result result{std::vector<uint8_t>(weights.size()), {}, 0};
  std::vector<float16> table(size_t{1} << parsed.bits);
  palette_encode(parsed, weights.size() / columns, columns, weights.data(), importance,
                 result.codes.data(), table.data());
  for (const float16 entry : table) result.table.push_back(to_float(entry));
  for (size_t i = 0; i < weights.size(); ++i) {
    const double off = static_cast<double>(result.table[result.codes[i]]) - weights[i];
    result.error += (importance == nullptr ? 1 : importance[i % columns]) * off * off;
    for (const float entry : result.table) {
      EXPECT_LE(std::abs(off), std::abs(static_cast<double>(entry) - weights[i]) + 1e-9);
    }
  }
  return result;
}

std::vector<float> normal_weights(size_t count) {
  std::mt19937 random(3);
  std::normal_distribution<float> normal(0, 0.05F);
  std::vector<float> weights(count);
  for (float& w : weights) w = normal(random);
  return weights;
}

TEST(Palette, EvenEntriesReachFromTheLeastToTheGreatest) {
  const Result result = encode("palette2:uniform", {-1, 0.1F, 0.25F, 2}, 4);
  EXPECT_EQ(result.table, (std::vector<float>{-1, 0, 1, 2}));
  EXPECT_EQ(result.codes, (std::vector<uint8_t>{0, 1, 1, 3}));
}

TEST(Palette, DistinctValuesAreExact) {
  const Result result = encode("palette2:unique", {0.5F, -0.0F, 0, 0.5F, -3, 0.5F}, 3);
  EXPECT_EQ(result.table, (std::vector<float>{-3, 0, 0.5F, 0.5F}));
  EXPECT_EQ(result.error, 0);
  EXPECT_THAT(error_of([] {
                encode("palette1:unique", {1, 2, 3}, 3);
              }),
              ::testing::HasSubstr("more distinct values than the 2 of 1 bits"));
  EXPECT_THAT(error_of([] {
                encode("palette4:unique", {1, 0.1F, 3}, 3);
              }),
              ::testing::HasSubstr("0.1 is no float16"));
}

// The entries of k-means are the best: better than even ones, and no worse when moved.
TEST(Palette, FittedEntriesHaveTheLeastError) {
  const std::vector<float> weights = normal_weights(16 * 256);
  for (const char* bits : {"palette1", "palette3", "palette4"}) {
    const Result best = encode(bits, weights, 256);
    EXPECT_LT(best.error, encode(fmt::format("{}:uniform", bits).c_str(), weights, 256).error);
  }
}

TEST(Palette, ImportanceDrawsEntries) {
  const std::vector<float> weights = normal_weights(16 * 256);
  std::vector<float> importance(256, 0.01F);
  for (size_t i = 0; i < 16; ++i) importance[i] = 10;
  const Result plain = encode("palette3", weights, 256);
  const Result weighted = encode("palette3", weights, 256, importance.data());
  double plain_error = 0;
  for (size_t i = 0; i < weights.size(); ++i) {
    const double off = plain.table[plain.codes[i]] - weights[i];
    plain_error += importance[i % 256] * off * off;
  }
  EXPECT_LT(weighted.error, plain_error * 0.98);
}

TEST(Palette, WeightsBeyondFloat16AreRefused) {
  EXPECT_THAT(error_of([] {
                encode("palette4", {1e6F, 0}, 2);
              }),
              ::testing::HasSubstr("too large for tables of float16"));
}

TEST(Palette, NamesRoundTrip) {
  for (const char* name :
       {"palette1", "palette6:tensor", "palette4:uniform", "palette8:tensor:unique"}) {
    EXPECT_EQ(format_text(parse_format(name)), name);
  }
  for (const char* name : {"palette", "palette5", "palette4:16", "palette4:uniform:tensor"}) {
    EXPECT_THROW(parse_format(name), Error) << name;
  }
}

}  // namespace
}  // namespace tarn::quant
