#include "tarn/quant/grid_search.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "tarn/base/half.h"
#include "tarn/quant/ggml_blocks.h"
#include "tarn/quant/ggml_grids.h"

namespace tarn::quant {
namespace {

constexpr size_t unit_values = 8;
constexpr size_t lanes = 64;  // so many that compilers keep the loops over them, as vectors
// A group's own steps that are tried: from .55 to 2.8 times what gives the grid the spread of the
// values. Few large values among small ones need the larger ones.
constexpr int own_steps = 12;
constexpr float first_step = 0.55F;
constexpr float step_ratio = 1.16F;
// Common scales that are tried, relative to the one that just reaches the group of largest scale.
constexpr std::array<float, 7> common_scales = {0.85F, 0.9F, 0.95F, 1.0F, 1.05F, 1.12F, 1.2F};

bool is_iq1(GgmlType type) { return type == GgmlType::iq1_s || type == GgmlType::iq1_m; }

// Adds up, for all entries, their squares and products with one run of values. When a sign must be
// turned, it is the one that costs this entry least.
template <size_t width, bool turn>
void project_entries(const float* grid, size_t count, const float* values, const float* weights,
                     float* square, float* product) {
  for (size_t k = 0; k < count; k += lanes) {
    std::array<float, lanes> squares{}, products{}, smallest;
    smallest.fill(std::numeric_limits<float>::max());
    for (size_t i = 0; i < width; ++i) {
      const float* at = grid + i * count + k;
      const float weight = weights[i];
      const float weighted = weight * values[i];
      for (size_t l = 0; l < lanes; ++l) {
        const float term = weighted * at[l];
        squares[l] += weight * at[l] * at[l];
        products[l] += term;
        if constexpr (turn) smallest[l] = term < smallest[l] ? term : smallest[l];
      }
    }
    for (size_t l = 0; l < lanes; ++l) {
      square[k + l] = squares[l];
      product[k + l] = 2 * (turn ? products[l] - 2 * smallest[l] : products[l]);
    }
  }
}

// Which value's sign project_entries turned for an entry.
size_t turned_value(const float* grid, size_t count, size_t entry, size_t width,
                    const float* values, const float* weights) {
  size_t best = 0;
  float smallest = std::numeric_limits<float>::max();
  for (size_t i = 0; i < width; ++i) {
    const float term = weights[i] * values[i] * grid[i * count + entry];
    if (term >= smallest) continue;
    smallest = term;
    best = i;
  }
  return best;
}

unsigned negative_bits(const float* values) {
  unsigned bits = 0;
  for (size_t i = 0; i < unit_values; ++i) bits |= (values[i] < 0 ? 1U : 0U) << i;
  return bits;
}

}  // namespace

GridSearch::GridSearch(GgmlType type)
    : type_(type),
      multiplier_(ggml_panel_format(type).multiplier),
      group_(static_cast<size_t>(ggml_panel_format(type).group_size)),
      highest_(is_iq1(type) ? 7 : 15),
      even_(type == GgmlType::iq2_xxs || type == GgmlType::iq2_xs || type == GgmlType::iq3_xxs),
      by_delta_(is_iq1(type)),
      units_(group_ / unit_values) {
  const std::span<const uint64_t> eight = grid_of_eight(type);
  const std::span<const uint32_t> four = grid_of_four(type);
  const std::span<const int8_t> table = ggml_table(type);
  width_ = eight.empty() ? 4 : 8;
  count_ = eight.empty() ? four.size() : eight.size();
  double squares = 0;
  for (size_t delta = 0; delta < (by_delta_ ? 2 : 1); ++delta) {
    grids_[delta].resize(width_ * count_);
    for (size_t k = 0; k < count_; ++k) {
      const uint64_t entry = eight.empty() ? four[k] : eight[k];
      for (size_t i = 0; i < width_; ++i) {
        const float value = table[(entry >> (8 * i) & 0xff) + (delta == 0 ? 0 : table.size() / 2)];
        grids_[delta][i * count_ + k] = value;
        if (delta == 0) squares += static_cast<double>(value) * value;
      }
    }
  }
  spread_ = static_cast<float>(std::sqrt(squares / static_cast<double>(width_ * count_)));
  for (Unit& unit : units_) {
    for (auto& part : unit.pools) {
      for (Pool& pool : part) {
        pool.square.resize(count_);
        pool.product.resize(count_);
      }
    }
  }
}

// Fills the pools of a group's units.
void GridSearch::project(size_t group, const float* values, const float* weights) {
  for (size_t u = 0; u < units_.size(); ++u) {
    Unit& unit = units_[u];
    const float* x = values + group * group_ + u * unit_values;
    const float* w = weights + group * group_ + u * unit_values;
    const auto pool_of = [&](size_t part, size_t variant) -> Pool& {
      return unit.pools[part][variant];
    };
    if (by_delta_) {
      for (size_t delta = 0; delta < 2; ++delta) {
        Pool& pool = pool_of(0, delta);
        project_entries<8, false>(grids_[delta].data(), count_, x, w, pool.square.data(),
                                  pool.product.data());
      }
      continue;
    }
    std::array<float, unit_values> sizes;
    for (size_t i = 0; i < unit_values; ++i) sizes[i] = std::abs(x[i]);
    unit.odd = even_ && std::popcount(negative_bits(x)) % 2 == 1;
    const float* grid = grids_[0].data();
    if (width_ == unit_values) {
      Pool& pool = pool_of(0, 0);
      const auto project = unit.odd ? project_entries<8, true> : project_entries<8, false>;
      project(grid, count_, sizes.data(), w, pool.square.data(), pool.product.data());
      continue;
    }
    for (size_t part = 0; part < 2; ++part) {
      const float* size = sizes.data() + 4 * part;
      Pool& plain = pool_of(part, 0);
      project_entries<4, false>(grid, count_, size, w + 4 * part, plain.square.data(),
                                plain.product.data());
      if (!unit.odd) continue;
      Pool& turned = pool_of(part, 1);
      project_entries<4, true>(grid, count_, size, w + 4 * part, turned.square.data(),
                               turned.product.data());
    }
  }
}

// The least cost of an entry, over the step.
float GridSearch::least(const Pool& pool, float step) const {
  std::array<float, lanes> best;
  best.fill(std::numeric_limits<float>::max());
  const float* square = pool.square.data();
  const float* product = pool.product.data();
  for (size_t k = 0; k < count_; k += lanes) {
    for (size_t l = 0; l < lanes; ++l) {
      const float cost = step * square[k + l] - product[k + l];
      best[l] = cost < best[l] ? cost : best[l];
    }
  }
  return *std::min_element(best.begin(), best.end());
}

float GridSearch::unit_cost(const Unit& unit, float step) const {
  const auto of = [&](size_t part, size_t variant) {
    return least(unit.pools[part][variant], step);
  };
  if (by_delta_) return std::min(of(0, 0), of(0, 1));
  if (width_ == unit_values) return of(0, 0);
  const float first = of(0, 0), second = of(1, 0);
  return unit.odd ? std::min(first + of(1, 1), of(0, 1) + second) : first + second;
}

// Of the projected group.
float GridSearch::cost(float step) const {
  float sum = 0;
  if (type_ == GgmlType::iq1_s) {  // its units share the delta
    float other = 0;
    for (const Unit& unit : units_) {
      sum += least(unit.pools[0][0], step);
      other += least(unit.pools[0][1], step);
    }
    return step * std::min(sum, other);
  }
  for (const Unit& unit : units_) sum += unit_cost(unit, step);
  return step * sum;
}

// Chooses variants and entries of the projected group's units.
GridSearch::Sums GridSearch::choose(float step) {
  const auto of = [&](const Unit& unit, size_t part, size_t variant) {
    return least(unit.pools[part][variant], step);
  };
  size_t common = 0;
  if (type_ == GgmlType::iq1_s) {
    float sums[2] = {};
    for (const Unit& unit : units_) {
      for (size_t delta = 0; delta < 2; ++delta) sums[delta] += of(unit, 0, delta);
    }
    common = sums[1] < sums[0] ? 1 : 0;
  }
  Sums sums;
  for (Unit& unit : units_) {
    unit.variants = {common, 0};
    if (type_ == GgmlType::iq1_m) unit.variants[0] = of(unit, 0, 1) < of(unit, 0, 0) ? 1 : 0;
    if (width_ != unit_values && unit.odd) {
      const bool in_first = of(unit, 0, 1) + of(unit, 1, 0) < of(unit, 0, 0) + of(unit, 1, 1);
      unit.variants[in_first ? 0 : 1] = 1;
    }
    for (size_t part = 0; part < unit_values / width_; ++part) {
      const Pool& pool = unit.pools[part][unit.variants[part]];
      const float wanted = least(pool, step);
      size_t entry = 0;
      while (step * pool.square[entry] - pool.product[entry] != wanted) ++entry;
      unit.entries[part] = entry;
      sums.square += pool.square[entry];
      sums.product += pool.product[entry];
    }
  }
  return sums;
}

// The step that a group would take on its own; 0 when nothing is in it.
float GridSearch::best_step(size_t group, const float* values, const float* weights) {
  double square = 0, weight = 0;
  for (size_t i = group * group_; i < (group + 1) * group_; ++i) {
    square += static_cast<double>(weights[i]) * values[i] * values[i];
    weight += weights[i];
  }
  if (!(square > 0)) return 0;
  float step = static_cast<float>(std::sqrt(square / weight)) / spread_ * first_step;
  float best = step, least_cost = std::numeric_limits<float>::max();
  for (int i = 0; i < own_steps; ++i, step *= step_ratio) {
    const float at_step = cost(step);
    if (at_step >= least_cost) continue;
    least_cost = at_step;
    best = step;
  }
  const Sums sums = choose(best);
  return sums.product > 0 ? static_cast<float>(sums.product / (2 * sums.square)) : best;
}

// The best level of the projected group near the step that it would take on its own; its cost.
float GridSearch::best_level(float d, float step, uint8_t& level) const {
  const int near = static_cast<int>(std::min(step / (d * multiplier_), 64.0F)) / 2;
  float least_cost = std::numeric_limits<float>::max();
  const int first = std::clamp(near - 1, 0, highest_);
  for (int i = first; i <= std::min(near + 1, highest_) || i == first; ++i) {
    const float at_level = cost(step_of(d, i));
    if (at_level >= least_cost) continue;
    least_cost = at_level;
    level = static_cast<uint8_t>(i);
  }
  return least_cost;
}

void GridSearch::store(size_t group, const float* values, const float* weights,
                       GridFit& fit) const {
  const size_t parts = unit_values / width_;
  for (size_t u = 0; u < units_.size(); ++u) {
    const Unit& unit = units_[u];
    const size_t index = group * units_.size() + u;
    const float* x = values + index * unit_values;
    unsigned signs = by_delta_ ? (unit.variants[0] == 1 ? 0xffU : 0U) : negative_bits(x);
    for (size_t part = 0; part < parts; ++part) {
      fit.entries[index * parts + part] = static_cast<uint16_t>(unit.entries[part]);
      const bool turned = unit.odd && (parts == 1 || unit.variants[part] == 1);
      if (by_delta_ || !turned) continue;
      std::array<float, unit_values> sizes;
      for (size_t i = 0; i < width_; ++i) sizes[i] = std::abs(x[part * width_ + i]);
      const float* w = weights + index * unit_values + part * width_;
      const size_t value =
          turned_value(grids_[0].data(), count_, unit.entries[part], width_, sizes.data(), w);
      signs ^= 1U << (part * width_ + value);
    }
    fit.signs[index] = static_cast<uint8_t>(signs);
  }
}

// Chooses levels and entries at the common scale d. Returns the common scale that is best for them.
float GridSearch::improve(float d, const float* values, const float* weights, float unit_scale,
                          const Steps& steps, Levels& levels, GridFit& fit) {
  double square = 0, product = 0;
  for (size_t g = 0; g < groups(); ++g) {
    project(g, values, weights);
    best_level(d, steps[g], levels[g]);
    const Sums sums = choose(step_of(d, levels[g]));
    store(g, values, weights, fit);
    const double level = step_of(1, levels[g]);
    square += sums.square * level * level;
    product += sums.product * level;
  }
  fit.d = d * unit_scale;
  fit.levels = levels;
  return product > 0 && square > 0 ? static_cast<float>(product / (2 * square)) : d;
}

GridFit GridSearch::fit(const float* values, const float* weights) {
  GridFit fit;
  float largest = 0;
  for (size_t i = 0; i < super_inputs; ++i) largest = std::max(largest, std::abs(values[i]));
  // Under this even the least float16 is too large a scale for the grids' least values.
  if (largest < 1e-8F) return fit;
  // Values relative to the largest, so that no square overflows or vanishes.
  std::array<float, super_inputs> x;
  for (size_t i = 0; i < super_inputs; ++i) x[i] = values[i] / largest;
  const auto stored = [&](float d) { return to_float(to_float16(d * largest)) / largest; };

  Steps steps{};
  for (size_t g = 0; g < groups(); ++g) {
    project(g, x.data(), weights);
    steps[g] = best_step(g, x.data(), weights);
  }
  const float reach = *std::max_element(steps.begin(), steps.end()) / step_of(1, highest_);
  std::array<float, common_scales.size()> ds{}, costs{};
  std::array<Levels, common_scales.size()> levels{};
  for (size_t c = 0; c < ds.size(); ++c) ds[c] = stored(reach * common_scales[c]);
  if (ds.front() == 0) return fit;
  for (size_t g = 0; g < groups(); ++g) {
    project(g, x.data(), weights);
    for (size_t c = 0; c < ds.size(); ++c) costs[c] += best_level(ds[c], steps[g], levels[c][g]);
  }
  const auto best =
      static_cast<size_t>(std::min_element(costs.begin(), costs.end()) - costs.begin());
  const float better =
      stored(improve(ds[best], x.data(), weights, largest, steps, levels[best], fit));
  if (better > 0 && better != ds[best]) {
    improve(better, x.data(), weights, largest, steps, levels[best], fit);
  }
  return fit;
}

}  // namespace tarn::quant
