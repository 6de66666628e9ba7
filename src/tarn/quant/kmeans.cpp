#include "tarn/quant/kmeans.h"

#include <algorithm>
#include <cstdint>
#include <limits>

namespace tarn::quant {
namespace {

// The shortest paths of exactly k edges from node 0 to the nodes of a graph with the edges i -> j,
// i < j, whose costs satisfy cost(a, c) + cost(b, d) <= cost(a, d) + cost(b, c) for a<=b<=c<=d.
// Then the best predecessor of a node rises with the node, and with the number of edges.
template <typename Cost>
class LayeredPath {
 public:
  LayeredPath(size_t nodes, Cost cost) : nodes_(nodes), cost_(cost) {}

  // The nodes of the best path of `edges` edges to the last node, without node 0.
  std::vector<uint32_t> solve(size_t edges) {
    constexpr double never = std::numeric_limits<double>::infinity();
    before_.assign(nodes_, never);
    for (size_t j = 1; j < nodes_; ++j) before_[j] = cost_(0, j);
    now_.assign(nodes_, never);
    parents_.assign(edges * nodes_, 0);
    for (size_t layer = 1; layer < edges; ++layer) {
      parent_ = parents_.data() + layer * nodes_;
      // Enough nodes must remain for the edges to come; the last layer needs its end alone.
      const size_t last = nodes_ - (edges - layer);
      const size_t first = layer + 1 == edges ? last : layer + 1;
      descend(first, last, layer, last - 1);
      std::swap(before_, now_);
    }
    std::vector<uint32_t> path(edges);
    auto node = static_cast<uint32_t>(nodes_ - 1);
    for (size_t layer = edges; layer-- > 0;) {
      path[layer] = node;
      node = parents_[layer * nodes_ + node];
    }
    return path;
  }

 private:
  // Nodes [first, last], whose predecessors lie in [low, high].
  void descend(size_t first, size_t last, size_t low, size_t high) {
    while (first <= last) {
      const size_t middle = first + (last - first) / 2;
      const size_t from = std::max<size_t>(low, (parent_ - nodes_)[middle]);
      const size_t to = std::min(high, middle - 1);
      double best = std::numeric_limits<double>::infinity();
      size_t best_from = to;
      for (size_t i = from; i <= to; ++i) {
        const double length = before_[i] + cost_(i, middle);
        if (length < best) {
          best = length;
          best_from = i;
        }
      }
      now_[middle] = best;
      parent_[middle] = static_cast<uint32_t>(best_from);
      if (first < middle) descend(first, middle - 1, low, best_from);
      first = middle + 1;
      low = best_from;
    }
  }

  size_t nodes_;
  Cost cost_;
  std::vector<double> before_, now_;  // the least lengths with one edge less, and now
  std::vector<uint32_t> parents_;     // [edges, nodes]
  uint32_t* parent_ = nullptr;
};

}  // namespace

std::vector<double> optimal_centers(std::span<const WeightedValue> values, size_t k) {
  // Sums run over the values less their mean: the squares of sums below would cancel badly for
  // values far from zero.
  double total = 0, mean = 0;
  size_t count = 0;
  for (const auto& v : values) {
    total += v.weight;
    mean += v.weight * v.value;
    count += v.weight > 0;
  }
  if (count == 0 || k == 0) return {};
  mean /= total;
  std::vector<double> weights{0}, moments{0};
  weights.reserve(count + 1);
  moments.reserve(count + 1);
  for (const auto& v : values) {
    if (!(v.weight > 0)) continue;
    weights.push_back(weights.back() + v.weight);
    moments.push_back(moments.back() + v.weight * (v.value - mean));
  }
  const double* const w = weights.data();
  const double* const m = moments.data();
  // The squared distance to the mean of values [i, j), less the sum of their squares.
  const auto cost = [w, m](size_t i, size_t j) {
    const double moment = m[j] - m[i];
    return -(moment * moment) / (w[j] - w[i]);
  };
  LayeredPath path(count + 1, cost);
  std::vector<double> centers;
  size_t from = 0;
  for (const uint32_t to : path.solve(std::min(k, count))) {
    centers.push_back(mean + (m[to] - m[from]) / (w[to] - w[from]));
    from = to;
  }
  return centers;
}

}  // namespace tarn::quant
