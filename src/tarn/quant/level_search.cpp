#include "tarn/quant/level_search.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace tarn::quant {
namespace {

constexpr int count = 2 * largest_level + 1;  // of possible levels

// Running sums before each bin, and from them the cost of a range of bins at one level.
class Costs {
 public:
  explicit Costs(const LevelHistogram& histogram) {
    for (size_t i = 0; i < LevelHistogram::bins; ++i) {
      const LevelHistogram::Sums& one = histogram.sums()[i];
      before_[i + 1] = {before_[i].weight + one.weight, before_[i].value + one.value,
                        before_[i].square + one.square};
    }
  }

  // Levels are counted from 0; level l stands at bin border 2 l + 1 (a bin is half a unit wide).
  // Values between two neighbouring chosen levels go to the nearer one, split half-way: at border
  // l + m + 1.
  double between(int left, int right) const {
    const int middle = left + right + 1;
    return at_level(left, 2 * left + 1, middle) + at_level(right, middle, 2 * right + 1);
  }
  double below(int level) const { return at_level(level, 0, 2 * level + 1); }
  double above(int level) const { return at_level(level, 2 * level + 1, LevelHistogram::bins); }

 private:
  double at_level(int level, int from, int to) const {
    const auto& a = before_[static_cast<size_t>(from)];
    const auto& b = before_[static_cast<size_t>(to)];
    const double l = level - largest_level;
    return (b.square - a.square) - 2 * l * (b.value - a.value) + l * l * (b.weight - a.weight);
  }
  std::array<LevelHistogram::Sums, LevelHistogram::bins + 1> before_{};
};

using Row = std::array<double, count>;
using From = std::array<uint8_t, count>;

// next[b] = min over a <= b of best[a] + between(a, b). The best a does not fall with b (the costs
// satisfy the quadrangle inequality), so halves are searched in ranges that do not overlap.
void extend(const Costs& costs, const Row& best, Row& next, From& from, int low, int high,
            int from_low, int from_high) {
  if (low > high) return;
  const int b = (low + high) / 2;
  double least = std::numeric_limits<double>::infinity();
  int choice = from_low;
  for (int a = from_low; a <= std::min(b, from_high); ++a) {
    const double cost = best[static_cast<size_t>(a)] + (a == b ? 0 : costs.between(a, b));
    if (cost < least) {
      least = cost;
      choice = a;
    }
  }
  next[static_cast<size_t>(b)] = least;
  from[static_cast<size_t>(b)] = static_cast<uint8_t>(choice);
  extend(costs, best, next, from, low, b - 1, from_low, choice);
  extend(costs, best, next, from, b + 1, high, choice, from_high);
}

}  // namespace

void LevelHistogram::clear() { sums_ = {}; }

void LevelHistogram::add(float value, float weight) {
  // Bin i holds values of ((i - 1) / 2, i / 2] - 127, the ends what lies beyond.
  const float place = std::ceil(2 * (value + static_cast<float>(largest_level)));
  const auto bin = static_cast<size_t>(std::clamp(place, 0.0F, static_cast<float>(bins - 1)));
  const auto v = static_cast<double>(value);
  const auto w = static_cast<double>(weight);
  sums_[bin].weight += w;
  sums_[bin].value += w * v;
  sums_[bin].square += w * v * v;
}

double search_levels(const LevelHistogram& histogram, std::span<int8_t> levels) {
  const Costs costs(histogram);
  if (levels.size() >= count) {  // room for all
    double error = costs.below(0) + costs.above(count - 1);
    for (int level = 0; level < count; ++level) {
      levels[static_cast<size_t>(level)] = static_cast<int8_t>(level - largest_level);
      if (level > 0) error += costs.between(level - 1, level);
    }
    std::fill(levels.begin() + count, levels.end(), int8_t{largest_level});
    return std::max(error, 0.0);
  }
  const size_t steps = levels.size();
  Row best{}, next{};
  std::vector<From> from(steps);
  for (int level = 0; level < count; ++level) best[static_cast<size_t>(level)] = costs.below(level);
  for (size_t step = 1; step < steps; ++step) {
    extend(costs, best, next, from[step], 0, count - 1, 0, count - 1);
    best = next;
  }
  double least = std::numeric_limits<double>::infinity();
  int last = 0;
  for (int level = 0; level < count; ++level) {
    const double error = best[static_cast<size_t>(level)] + costs.above(level);
    if (error < least) {
      least = error;
      last = level;
    }
  }
  for (size_t step = steps; step-- > 0;) {
    levels[step] = static_cast<int8_t>(last - largest_level);
    if (step > 0) last = from[step][static_cast<size_t>(last)];
  }
  const auto end = std::unique(levels.begin(), levels.end());
  std::fill(end, levels.end(), *(end - 1));
  return std::max(least, 0.0);
}

}  // namespace tarn::quant
