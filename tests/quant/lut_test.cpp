#include "tarn/quant/lut.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <random>
#include <vector>

#include "tarn/base/error.h"
#include "tarn/quant/codec.h"
#include "tarn/quant/level_search.h"

namespace tarn::quant {
namespace {

struct Weighted {
  float value;
  float weight;
};

double error_with(const std::vector<Weighted>& values, std::span<const int8_t> levels) {
  double error = 0;
  for (const auto& [value, weight] : values) {
    double least = INFINITY;
    for (const int8_t level : levels) {
      const double off = static_cast<double>(value) - level;
      least = std::min(least, off * off);
    }
    error += static_cast<double>(weight) * least;
  }
  return error;
}

LevelHistogram histogram_of(const std::vector<Weighted>& values) {
  LevelHistogram histogram;
  for (const auto& [value, weight] : values) histogram.add(value, weight);
  return histogram;
}

std::vector<Weighted> random_values(uint32_t seed, size_t count, float spread) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0, spread);
  std::vector<Weighted> values(count);
  for (auto& one : values) one = {normal(random), std::abs(normal(random)) + 0.01F};
  return values;
}

// All pairs of levels, tried one by one.
TEST(LevelSearch, FindsTheBestTwoOfAll) {
  for (const uint32_t seed : {1U, 2U, 3U}) {
    const std::vector<Weighted> values = random_values(seed, 40, 40);
    std::vector<int8_t> found(2);
    const double error = search_levels(histogram_of(values), found);
    EXPECT_NEAR(error, error_with(values, found), 1e-6 * error);
    double best = INFINITY;
    for (int a = -largest_level; a <= largest_level; ++a) {
      for (int b = a; b <= largest_level; ++b) {
        const int8_t pair[] = {static_cast<int8_t>(a), static_cast<int8_t>(b)};
        best = std::min(best, error_with(values, pair));
      }
    }
    EXPECT_NEAR(error, best, 1e-6 * best);
  }
}

// A plain program over all levels, without the shortcut of the search.
double least_error(const std::vector<Weighted>& values, size_t count) {
  constexpr int levels = 2 * largest_level + 1;
  const auto cost = [&](int left, int right) {  // of the values between two neighbours
    double error = 0;
    for (const auto& [value, weight] : values) {
      const double v = static_cast<double>(value) + largest_level;
      if (v <= left || v > right) continue;
      const double off = std::min(v - left, right - v);
      error += static_cast<double>(weight) * off * off;
    }
    return error;
  };
  const auto outside = [&](int level, bool below) {
    double error = 0;
    for (const auto& [value, weight] : values) {
      const double v = static_cast<double>(value) + largest_level;
      if (below ? v > level : v <= level) continue;
      error += static_cast<double>(weight) * (v - level) * (v - level);
    }
    return error;
  };
  std::vector<std::vector<double>> between(levels, std::vector<double>(levels));
  for (int a = 0; a < levels; ++a) {
    for (int b = a + 1; b < levels; ++b) {
      between[static_cast<size_t>(a)][static_cast<size_t>(b)] = cost(a, b);
    }
  }
  std::vector<double> best(levels);
  for (int b = 0; b < levels; ++b) best[static_cast<size_t>(b)] = outside(b, true);
  for (size_t step = 1; step < count; ++step) {
    std::vector<double> next = best;
    for (size_t b = 0; b < levels; ++b) {
      for (size_t a = 0; a < b; ++a) next[b] = std::min(next[b], best[a] + between[a][b]);
    }
    best = next;
  }
  double least = INFINITY;
  for (int b = 0; b < levels; ++b) {
    least = std::min(least, best[static_cast<size_t>(b)] + outside(b, false));
  }
  return least;
}

TEST(LevelSearch, IsOptimalForManyLevels) {
  const std::vector<Weighted> values = random_values(9, 60, 35);
  for (const size_t count : {4U, 8U, 16U}) {
    std::vector<int8_t> found(count);
    const double error = search_levels(histogram_of(values), found);
    EXPECT_NEAR(error, error_with(values, found), 1e-6 * error + 1e-9);
    EXPECT_NEAR(error, least_error(values, count), 1e-6 * error + 1e-9) << count;
    EXPECT_TRUE(std::is_sorted(found.begin(), found.end()));
  }
}

TEST(LevelSearch, NeedsNoMoreLevelsThanValues) {
  std::vector<int8_t> found(8);
  EXPECT_NEAR(search_levels(histogram_of({{-5, 1}, {20, 2}}), found), 0, 1e-9);
  EXPECT_TRUE(std::is_sorted(found.begin(), found.end()));
  EXPECT_EQ(found.back(), 20);
  std::vector<int8_t> all(256);
  search_levels(histogram_of(random_values(1, 100, 50)), all);
  EXPECT_EQ(all.front(), -largest_level);
  EXPECT_EQ(all.back(), largest_level);
}

// Relative squared errors of normal weights: uniform quantizers of as many bits are at 4^-bits
// times about 2 to 4.
TEST(Lut, ErrorsAreThoseOfTheirBits) {
  constexpr size_t columns = 1024;
  std::mt19937 random(4);
  std::normal_distribution<float> normal(0, 0.02F);
  std::vector<float> weights(lut_rows * columns);
  for (float& w : weights) w = normal(random);
  const std::tuple<LutFormat, double> bounds[] = {
      {{2, 32}, 1.05e-1}, {{3, 32}, 2.5e-2}, {{4, 0}, 1.0e-2}, {{4, 32}, 5.6e-3},
      {{4, 64}, 6.8e-3},  {{6, 0}, 7.5e-4},  {{8, 0}, 1e-4}};
  for (const auto& [format, bound] : bounds) {
    std::vector<uint8_t> codes(weights.size());
    std::vector<int8_t> table(size_t{1} << format.bits);
    std::vector<float> scales(weights.size());
    lut_encode(format, lut_rows, columns, weights.data(), nullptr, codes.data(), table.data(),
               scales.data());
    double error = 0, energy = 0;
    for (size_t i = 0; i < weights.size(); ++i) {
      const size_t group =
          i / (format.group_size == 0 ? columns : static_cast<size_t>(format.group_size));
      const float scale = format.group_size == 0
                              ? scales[group]
                              : to_float(reinterpret_cast<const float16*>(scales.data())[group]);
      const double off =
          static_cast<double>(static_cast<float>(table[codes[i]]) * scale / lut_unit - weights[i]);
      error += off * off;
      energy += static_cast<double>(weights[i]) * static_cast<double>(weights[i]);
    }
    EXPECT_LT(error / energy, bound) << format.bits << " " << format.group_size;
    EXPECT_GT(error / energy, bound / 4) << format.bits << ": the bound is stale";
  }
}

// What every codec promises, over awkward shapes: pieces make the whole, and panels hold the values
// that decode() gives.
class Codecs : public ::testing::TestWithParam<const char*> {};

TEST_P(Codecs, PanelsHoldWhatWasEncoded) {
  const auto codec = make_codec(parse_format(GetParam()), ScaleType::f16);
  EXPECT_EQ(format_text(codec->format()), GetParam());
  std::mt19937 random(5);
  std::normal_distribution<float> normal(0, 0.05F);
  for (const size_t rows : {1U, 16U, 37U}) {
    for (const size_t columns : {256U, 768U}) {
      ASSERT_EQ(codec->misfit(columns), "");
      std::vector<float> weights(rows * columns);
      for (float& w : weights) w = normal(random);
      const std::vector<Part> parts = codec->parts(rows, columns);
      ASSERT_EQ(parts[0].name, "weight");
      EXPECT_EQ(codec->columns_of(parts[0].columns), columns);
      std::vector<std::vector<std::byte>> stored, in_pieces;
      std::vector<std::byte*> to, pieces_to;
      for (const Part& part : parts) {
        stored.emplace_back(part.bytes());
        in_pieces.emplace_back(part.bytes());
        to.push_back(stored.back().data());
        pieces_to.push_back(in_pieces.back().data());
      }
      codec->encode(rows, columns, weights.data(), nullptr, 0, rows, to);
      const size_t piece = codec->piece_rows() == 0 ? rows : codec->piece_rows();
      for (size_t first = 0; first < rows; first += piece) {
        codec->encode(rows, columns, weights.data() + first * columns, nullptr, first,
                      std::min(rows, first + piece), pieces_to);
      }
      EXPECT_EQ(stored, in_pieces);
      const std::vector<const std::byte*> from(to.begin(), to.end());
      std::vector<float> values(weights.size()), row(columns);
      codec->decode(rows, columns, from, 0, rows, values.data());
      double error = 0, energy = 0;
      for (size_t i = 0; i < weights.size(); ++i) {
        error += std::pow(static_cast<double>(values[i] - weights[i]), 2);
        energy += std::pow(static_cast<double>(weights[i]), 2);
      }
      EXPECT_LT(error, energy * 0.7);  // ternary values reach as far as the largest one
      const PanelFormat format = codec->panel_format();
      const size_t bytes = packed_size(format, rows, columns);
      auto* panels =
          static_cast<std::byte*>(::operator new (bytes, std::align_val_t{panel_alignment}));
      codec->pack(rows, columns, from, panels, 0, panel_count(rows));
      for (size_t r = 0; r < rows; ++r) {
        unpack_row(format, columns, panels, r, row.data());
        for (size_t i = 0; i < columns; ++i) ASSERT_EQ(row[i], values[r * columns + i]);
      }
      ::operator delete (panels, std::align_val_t{panel_alignment});
    }
  }
  EXPECT_NE(codec->misfit(31), "");
  EXPECT_THROW(codec->check(16, 31), Error);
}

INSTANTIATE_TEST_SUITE_P(Formats, Codecs,
                         ::testing::Values("affine:4:64", "affine:3:32", "affine:8:128", "lut1",
                                           "lut2:32", "lut3", "lut4", "lut4:32", "lut4:64", "lut6",
                                           "lut6:32", "lut8", "q2_k", "q3_k", "q4_k", "q5_k",
                                           "q6_k", "q4_0", "q4_1", "q5_0", "q5_1", "q8_0", "iq4_nl",
                                           "iq4_xs", "tq1_0", "tq2_0", "ggml:mxfp4", "ggml:nvfp4",
                                           "mxfp4", "mxfp8", "nvfp4", "fp8", "palette4",
                                           "palette6:tensor", "palette2:uniform", "iq3_s",
                                           "iq2_xs"),
                         [](const auto& name) {
                           std::string text = name.param;
                           for (char& c : text) c = std::isalnum(c) != 0 ? c : '_';
                           return text;
                         });

}  // namespace
}  // namespace tarn::quant
