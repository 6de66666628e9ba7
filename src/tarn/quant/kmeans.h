// Clustering of numbers on a line, exactly: of all choices of at most k centers, one with the least
// weighted squared distance of the values to their nearest center. A shortest path of k edges in a
// graph whose edge costs have the Monge property, found layer by layer with divide and conquer: O(k
// n log n). Deterministic: of equal optima always the same one.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace tarn::quant {

// Values that are equal or stand for one another: their common position and total weight.
struct WeightedValue {
  double value;
  double weight;  // >= 0
};

// Centers anywhere on the line. `values` rise strictly, finite. Returns min(k, values with weight)
// centers, rising; none when nothing has weight.
std::vector<double> optimal_centers(std::span<const WeightedValue> values, size_t k);

}  // namespace tarn::quant
