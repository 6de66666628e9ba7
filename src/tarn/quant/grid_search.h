// Choosing values on the grids of the IQ formats by weighted least squares.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "tarn/quant/ggml_type.h"
#include "tarn/quant/panel.h"

namespace tarn::quant {

// A block of 256: value ~ d * (2 * level + 1) * multiplier * entry, where the multiplier is that of
// ggml_panel_format and the entry's values have signs (IQ1: a delta added).
struct GridFit {
  float d = 0;                         // a float16, not negative
  std::array<uint8_t, 16> levels{};    // by group of 16 or 32 values: 0 .. 15, IQ1 0 .. 7
  std::array<uint16_t, 64> entries{};  // of the grid, by 8 values; IQ3: by 4
  std::array<uint8_t, 32> signs{};     // by 8 values, bit i: value i is negative. IQ1: 255 when the
                                       // delta is
};

// Tries every entry of the grid at each of the scales that it considers: those around what a group
// would take on its own, for some common scales of the block. One at a time: it has its workspace.
class GridSearch {
 public:
  explicit GridSearch(GgmlType type);  // one of IQ1_S .. IQ3_S

  // values, weights: [256], finite, weights not negative.
  GridFit fit(const float* values, const float* weights);

 private:
  // What the squared error at a step is above that of zeros, for entry k:
  // step * (step * square[k] - product[k]).
  struct Pool {
    std::vector<float> square;   // sum of weight * entry^2
    std::vector<float> product;  // twice the sum of weight * value * entry
  };
  // Eight values. Pools by part (two of 4 values, IQ3) and variant: IQ1 the sign of the delta,
  // IQ3_XXS whether one sign is turned.
  struct Unit {
    std::array<std::array<Pool, 2>, 2> pools;
    bool odd = false;  // in formats with an even number of negative values: one sign must be turned
    std::array<size_t, 2> variants{};  // chosen, by part
    std::array<size_t, 2> entries{};
  };
  // Of the entries chosen for a group: squared error above that of zeros at a step is
  // step * (step * square - product).
  struct Sums {
    double square = 0;
    double product = 0;
  };
  // Scales of a block: what is best for a group on its own, and the level that is chosen.
  using Steps = std::array<float, 16>;
  using Levels = std::array<uint8_t, 16>;

  size_t groups() const { return super_inputs / group_; }
  float step_of(float d, int level) const {
    return d * static_cast<float>(2 * level + 1) * multiplier_;
  }
  void project(size_t group, const float* values, const float* weights);
  float least(const Pool& pool, float step) const;
  float unit_cost(const Unit& unit, float step) const;
  float cost(float step) const;
  Sums choose(float step);
  float best_step(size_t group, const float* values, const float* weights);
  float best_level(float d, float step, uint8_t& level) const;
  float improve(float d, const float* values, const float* weights, float unit_scale,
                const Steps& steps, Levels& levels, GridFit& fit);
  void store(size_t group, const float* values, const float* weights, GridFit& fit) const;

  GgmlType type_;
  float multiplier_;
  size_t group_;
  size_t width_;                             // values of an entry
  size_t count_;                             // entries
  int highest_;                              // level
  bool even_;                                // signs
  bool by_delta_;                            // IQ1
  std::array<std::vector<float>, 2> grids_;  // by delta: [width, count], value i of all entries
  float spread_ = 0;                         // the root mean square of the grid's values
  std::vector<Unit> units_;                  // of a group
};

}  // namespace tarn::quant
