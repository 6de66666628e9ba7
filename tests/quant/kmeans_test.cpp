#include "tarn/quant/kmeans.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <random>
#include <vector>

namespace tarn::quant {
namespace {

double error(const std::vector<WeightedValue>& values, const std::vector<double>& centers) {
  double total = 0;
  for (const auto& v : values) {
    double best = std::numeric_limits<double>::infinity();
    for (const double c : centers) best = std::min(best, (v.value - c) * (v.value - c));
    total += v.weight * best;
  }
  return total;
}

// The least error over all ways to cut the values into k intervals.
double brute_force(const std::vector<WeightedValue>& values, size_t k, size_t from = 0) {
  const size_t n = values.size();
  double best = std::numeric_limits<double>::infinity();
  double weight = 0, mean = 0, spread = 0;
  for (size_t i = from; i < n; ++i) {
    const auto [value, w] = values[i];
    if (w > 0) {
      const double step = value - mean;
      weight += w;
      mean += step * w / weight;
      spread += w * step * (value - mean);
    }
    if (i + 1 == n) best = std::min(best, spread);
    if (k > 1 && i + 1 < n) best = std::min(best, spread + brute_force(values, k - 1, i + 1));
  }
  return best;
}

std::vector<WeightedValue> random_values(std::mt19937& random, size_t count, double offset) {
  std::normal_distribution<double> normal;
  std::vector<WeightedValue> values(count);
  for (auto& v : values) v = {offset + std::pow(normal(random), 3), random() % 5 * 0.5};
  std::sort(values.begin(), values.end(),
            [](const auto& a, const auto& b) { return a.value < b.value; });
  return values;
}

TEST(OptimalCenters, AreNoWorseThanAnyOther) {
  std::mt19937 random(1);
  for (int round = 0; round < 200; ++round) {
    const size_t count = 1 + random() % 12;
    const auto values = random_values(random, count, round % 2 == 0 ? 0 : 1000);
    double energy = 1e-12;
    for (const auto& v : values) energy += v.weight * v.value * v.value;
    for (size_t k = 1; k <= 5; ++k) {
      const auto centers = optimal_centers(values, k);
      const auto weighty = static_cast<size_t>(
          std::count_if(values.begin(), values.end(), [](const auto& v) { return v.weight > 0; }));
      ASSERT_EQ(centers.size(), std::min(k, weighty));
      ASSERT_TRUE(std::is_sorted(centers.begin(), centers.end()));
      if (centers.empty()) continue;
      // Rounding of sums of squares of about 1000^2.
      ASSERT_NEAR(error(values, centers), brute_force(values, k), 1e-9 * energy)
          << count << " values, " << k << " centers";
    }
  }
}

TEST(OptimalCenters, OfManyValuesAreAFixedPointThatMovesDoNotImprove) {
  std::mt19937 random(2);
  const auto values = random_values(random, 3000, 0);
  const auto centers = optimal_centers(values, 64);
  ASSERT_EQ(centers.size(), 64);
  const double least = error(values, centers);
  for (size_t i = 0; i < centers.size(); ++i) {
    for (const double step : {-0.003, 0.003}) {
      auto moved = centers;
      moved[i] += step;
      EXPECT_GE(error(values, moved), least * (1 - 1e-9));
    }
  }
}

}  // namespace
}  // namespace tarn::quant
