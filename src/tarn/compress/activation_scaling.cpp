#include "tarn/compress/activation_scaling.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <optional>

#include "tarn/base/half.h"
#include "tarn/compress/matrix_source.h"
#include "tarn/ops/coded.h"
#include "tarn/ops/elementwise.h"

namespace tarn::compress {
namespace {

// Rows of a matrix that scales are tried on, in panels that are spread over all of it.
constexpr int64_t rows_tried = 512;
constexpr int64_t panel = quant::panel_rows;
constexpr int coarse_steps = 10;
constexpr double fine_step = 0.05;
// Scales are kept within this of 1: an input that the text hardly uses is not given up.
constexpr double widest = 32;
// Of what was wanted: rounding that moves a scale further than this is not followed.
constexpr float most_moved = 1.5F;

template <typename T>
float rounded_to(float value) {
  return to_float(from_float<T>(value));
}

float round_as(StorageType type, float value) {
  if (type == StorageType::f16) return rounded_to<float16>(value);
  return type == StorageType::bf16 ? rounded_to<bfloat16>(value) : value;
}

float value_at(const TensorInfo& info, size_t index) {
  const auto read = [&](auto value) {
    std::memcpy(&value, info.bytes.data() + index * sizeof(value), sizeof(value));
    return to_float(value);
  };
  if (info.type == StorageType::f16) return read(float16{});
  return info.type == StorageType::bf16 ? read(bfloat16{}) : read(0.0F);
}

struct Folded {
  std::vector<float> scales;  // [entries]
  std::vector<float> vector;  // [entries], or none
};

Folded fold(const ScaleGroup& group, const std::vector<float>& wanted) {
  Folded folded{wanted, {}};
  if (group.vector == nullptr) return folded;
  for (size_t e = 0; e < group.entries; ++e) {
    const float stored = value_at(*group.vector, e);
    const float value = stored + group.offset;
    folded.vector.push_back(stored);
    if (value == 0) continue;  // nothing but zeros to scale
    const float divided = round_as(group.vector->type, value / wanted[e] - group.offset);
    const float scale = value / (divided + group.offset);
    const float moved = scale / wanted[e];
    if (moved < most_moved && moved > 1 / most_moved) {
      folded.vector[e] = divided;
      folded.scales[e] = scale;
    } else {
      folded.scales[e] = 1;
    }
  }
  return folded;
}

// Some rows of a matrix, and the codec that is to round them.
struct Sample {
  std::vector<float> weights;  // [rows, columns]
  int64_t rows = 0;
  int64_t columns = 0;
  std::shared_ptr<const quant::Codec> codec;
};

Sample sample_of(const PlannedTensor& planned) {
  const TensorInfo& info = *planned.info;
  Sample sample{.weights = {}, .rows = 0, .columns = info.shape[1], .codec = {}};
  sample.codec = codec_of(*planned.format, info.type);
  const int64_t panels = (info.shape[0] + panel - 1) / panel;
  const int64_t taken = std::min(panels, rows_tried / panel);
  for (int64_t i = 0; i < taken; ++i) {
    const int64_t first = i * panels / taken * panel;
    const int64_t last = std::min(first + panel, info.shape[0]);
    const array rows = astype(matrix_rows(info, first, last), Dtype::f32);
    check_finite(rows, info.name);
    const std::vector<float> values = rows.to_vector<float>();
    sample.weights.insert(sample.weights.end(), values.begin(), values.end());
    sample.rows += last - first;
  }
  return sample;
}

// Of each entry the root of the mean of what its inputs have.
std::vector<float> roots_of(const ScaleGroup& group, const std::vector<double>& squares) {
  std::vector<double> sums(group.entries);
  std::vector<double> counts(group.entries);
  for (size_t i = 0; i < squares.size(); ++i) {
    sums[group.entry_of[i]] += squares[i];
    counts[group.entry_of[i]] += 1;
  }
  std::vector<float> roots(group.entries);
  for (size_t e = 0; e < group.entries; ++e) {
    roots[e] = counts[e] > 0 ? static_cast<float>(std::sqrt(sums[e] / counts[e])) : 0.0F;
  }
  return roots;
}

// By input the sum of the matrices' squares, each matrix scaled to a mean of 1.
std::vector<double> squares_of(const std::vector<Sample>& samples) {
  std::vector<double> squares(static_cast<size_t>(samples.front().columns));
  for (const Sample& sample : samples) {
    std::vector<double> own(squares.size());
    double all = 0;
    for (size_t i = 0; i < sample.weights.size(); ++i) {
      const auto weight = static_cast<double>(sample.weights[i]);
      own[i % own.size()] += weight * weight;
      all += weight * weight;
    }
    if (!(all > 0)) continue;
    for (size_t i = 0; i < own.size(); ++i) squares[i] += own[i] / all;
  }
  return squares;
}

// roots^power, their geometric mean 1; entries that were never used stay as they are.
std::vector<float> scales_of(const std::vector<float>& roots, double power) {
  double logs = 0;
  size_t used = 0;
  for (const float root : roots) {
    if (!(root > 0)) continue;
    logs += std::log(static_cast<double>(root));
    ++used;
  }
  const double mean = used > 0 ? logs / static_cast<double>(used) : 0;
  std::vector<float> scales;
  for (const float root : roots) {
    const double wanted =
        root > 0 ? std::exp(power * (std::log(static_cast<double>(root)) - mean)) : 1.0;
    scales.push_back(static_cast<float>(std::clamp(wanted, 1 / widest, widest)));
  }
  return scales;
}

std::vector<float> by_input(const ScaleGroup& group, const std::vector<float>& scales) {
  std::vector<float> result;
  result.reserve(group.entry_of.size());
  for (const uint32_t entry : group.entry_of) result.push_back(scales[entry]);
  return result;
}

// Powers of the activations, or of their ratios to the weights that meet them. With an error that
// goes with the root mean square of a group's scaled weights, the ratios' square root would be best
// of all scales.
struct Choice {
  bool ratios = false;
  double power = 0;
};

// What rounding loses of one group.
class Trial {
 public:
  Trial(const ScaleGroup& group, const Importance& importance)
      : group_(group), mean_squares_(importance.mean_squares.at(group.readers[0]->module)) {
    for (const PlannedTensor* reader : group.readers) {
      if (!reader->format) continue;
      samples_.push_back(sample_of(*reader));
      whole_ += weighted_squares(samples_.back());
    }
    if (samples_.empty()) return;
    activations_ = roots_of(group, {mean_squares_.begin(), mean_squares_.end()});
    ratios_ = roots_of(group, squares_of(samples_));
    for (size_t e = 0; e < ratios_.size(); ++e) {
      ratios_[e] = ratios_[e] > 0 ? activations_[e] / ratios_[e] : 0.0F;
    }
  }

  bool empty() const { return samples_.empty() || !(whole_ > 0); }
  std::vector<float> wanted(const Choice& choice) const {
    return scales_of(choice.ratios ? ratios_ : activations_, choice.power);
  }
  // The part of the products' squares that is lost.
  double error(const Choice& choice) const {
    std::vector<float> scales(group_.entry_of.size(), 1.0F);
    if (choice.power > 0) scales = by_input(group_, fold(group_, wanted(choice)).scales);
    double lost = 0;
    for (const Sample& sample : samples_) lost += lost_of(sample, scales);
    return lost / whole_;
  }

 private:
  double weighted_squares(const Sample& sample) const {
    double sum = 0;
    const auto columns = static_cast<size_t>(sample.columns);
    for (size_t i = 0; i < sample.weights.size(); ++i) {
      const auto weight = static_cast<double>(sample.weights[i]);
      sum += weight * weight * static_cast<double>(mean_squares_[i % columns]);
    }
    return sum;
  }

  double lost_of(const Sample& sample, const std::vector<float>& scales) const {
    const auto columns = static_cast<size_t>(sample.columns);
    Importance scaled;
    std::vector<float>& squares = scaled.mean_squares[""];
    for (size_t i = 0; i < columns; ++i) {
      squares.push_back(mean_squares_[i] / (scales[i] * scales[i]));
    }
    std::vector<float> weights = sample.weights;
    for (size_t i = 0; i < weights.size(); ++i) weights[i] *= scales[i % columns];
    std::optional<array> importance;
    if (const std::vector<float> given = scaled.weights_of(""); !given.empty()) {
      importance = array(given, {sample.columns});
    }
    const CodedMatrix coded =
        encode(array(weights, {sample.rows, sample.columns}), sample.codec, importance);
    const std::vector<float> decoded = decode(coded).to_vector<float>();
    double sum = 0;
    for (size_t i = 0; i < weights.size(); ++i) {
      const auto d = static_cast<double>(decoded[i] - weights[i]);
      sum += d * d * static_cast<double>(squares[i % columns]);
    }
    return sum;
  }

  const ScaleGroup& group_;
  const std::vector<float>& mean_squares_;
  std::vector<Sample> samples_;
  std::vector<float> activations_;  // [entries] root mean squares
  std::vector<float> ratios_;       // the same by those of the weights that meet them
  double whole_ = 0;
};

struct Best {
  Choice choice;
  double error = 0;
};

void take_if_better(const Trial& trial, const Choice& choice, Best& best) {
  const double error = trial.error(choice);
  if (error < best.error) best = {choice, error};
}

Best search(const Trial& trial, double unscaled) {
  Best best{{}, unscaled};
  for (const bool ratios : {false, true}) {
    for (int i = 1; i <= coarse_steps; ++i) {
      take_if_better(trial, {ratios, 1.0 * i / coarse_steps}, best);
    }
  }
  const Choice middle = best.choice;
  if (middle.power == 0) return best;
  for (const double step : {-fine_step, fine_step}) {
    if (middle.power + step <= 1) take_if_better(trial, {middle.ratios, middle.power + step}, best);
  }
  return best;
}

bool covered(const ScaleGroup& group, const Importance& importance) {
  const auto found = importance.mean_squares.find(group.readers[0]->module);
  return found != importance.mean_squares.end() && found->second.size() == group.entry_of.size();
}

}  // namespace

Importance ActivationScaling::scaled(const Importance& importance) const {
  Importance result = importance;
  for (const auto& [module, scales] : columns) {
    const auto found = result.mean_squares.find(module);
    if (found == result.mean_squares.end()) continue;
    for (size_t i = 0; i < scales.size(); ++i) found->second[i] /= scales[i] * scales[i];
  }
  return result;
}

std::vector<float> fold_scales(const ScaleGroup& group, const std::vector<float>& wanted,
                               ActivationScaling& scaling) {
  Folded folded = fold(group, wanted);
  for (const PlannedTensor* reader : group.readers) {
    scaling.columns[reader->module] = by_input(group, folded.scales);
  }
  if (group.producer != nullptr) {
    std::vector<float>& rows = scaling.rows[group.producer->module];
    for (const float scale : folded.scales) rows.push_back(1 / scale);
  }
  if (group.vector != nullptr) scaling.vectors[group.vector->name] = std::move(folded.vector);
  return folded.scales;
}

ActivationScaling search_scales(const std::vector<ScaleGroup>& groups, const Importance& importance,
                                ScalingReport& report,
                                const std::function<void(uint64_t, uint64_t)>& progress) {
  ActivationScaling scaling;
  uint64_t done = 0;
  for (const ScaleGroup& group : groups) {
    if (progress) progress(done++, groups.size());
    if (!covered(group, importance)) continue;
    const Trial trial(group, importance);
    if (trial.empty()) continue;
    const double before = trial.error({});
    const Best best = search(trial, before);
    ++report.groups;
    report.error_before += before;
    report.error_after += best.error;
    if (best.choice.power == 0) continue;
    ++report.scaled;
    fold_scales(group, trial.wanted(best.choice), scaling);
  }
  if (progress) progress(done, groups.size());
  if (report.groups > 0) {
    report.error_before /= static_cast<double>(report.groups);
    report.error_after /= static_cast<double>(report.groups);
  }
  return scaling;
}

}  // namespace tarn::compress
