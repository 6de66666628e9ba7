// The best look-up table for weighted values: exact k-means in one dimension with centres on whole
// numbers.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace tarn::quant {

// Centres are -127 .. 127, values beyond belong to the ends.
inline constexpr int largest_level = 127;

// Sums of weighted values between the points where the nearest of two whole numbers changes, which
// are multiples of 1/2: all that the search needs to know of the values, without loss.
class LevelHistogram {
 public:
  void clear();
  void add(float value, float weight);
  // Weighted squared error of the values above `low` up to `high` (in halves), each taken as the
  // nearer of the two levels, is the search's cost; see level_search.cpp.
  struct Sums {
    double weight = 0;
    double value = 0;
    double square = 0;
  };
  static constexpr int bins = 4 * largest_level + 2;
  const std::array<Sums, bins>& sums() const { return sums_; }

 private:
  std::array<Sums, bins> sums_{};
};

// Fills `levels`, rising, with the centres that give the least weighted squared error of all
// choices; fewer different ones than there is room for repeat the last. Returns that error.
double search_levels(const LevelHistogram& histogram, std::span<int8_t> levels);

}  // namespace tarn::quant
