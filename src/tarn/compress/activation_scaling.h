// Scaling a model's weights before they are rounded, so that inputs with large activations are
// rounded finer: AWQ (https://arxiv.org/abs/2306.00978). What the model computes stays the same.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "tarn/compress/importance.h"
#include "tarn/compress/scale_group.h"

namespace tarn::compress {

// What the tensors of a checkpoint are multiplied with, and those that are replaced.
struct ActivationScaling {
  std::map<std::string, std::vector<float>> columns;  // by module: [inputs]
  std::map<std::string, std::vector<float>> rows;     // by module: [outputs]
  std::map<std::string, std::vector<float>> vectors;  // by tensor: values that its type can hold

  // The importance of the scaled model.
  Importance scaled(const Importance& importance) const;
};

struct ScalingReport {
  uint64_t groups = 0;  // that were tried
  uint64_t scaled = 0;
  // Mean over the groups of the part of the products' squares that is lost.
  double error_before = 0;
  double error_after = 0;
};

// Adds the scales that come closest to `wanted` [entries], positive, among those for which the
// group's vector can be stored without rounding it: it is rounded first, and the scales are what
// that came to. Returns them.
std::vector<float> fold_scales(const ScaleGroup& group, const std::vector<float>& wanted,
                               ActivationScaling& scaling);

// For each group the scales that lose least, as the formats of the plan round, among the powers of
// 0 to 1 of the activations' root mean squares, and of their ratios to those of the weights that
// meet them; power 0 is not to scale. Groups with no quantized reader, or
// that the importance does not cover, are left alone. A part of the rows is tried where there are
// many. progress(groups done, total). corrupt: a weight is not finite.
ActivationScaling search_scales(const std::vector<ScaleGroup>& groups, const Importance& importance,
                                ScalingReport& report,
                                const std::function<void(uint64_t, uint64_t)>& progress = {});

}  // namespace tarn::compress
