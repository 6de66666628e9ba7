// What it costs a model when one of its matrices is stored in another format.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "tarn/compress/calibration_text.h"
#include "tarn/compress/importance.h"
#include "tarn/compress/module_plan.h"

namespace tarn::compress {

struct MeasuredFormat {
  quant::Format format;
  uint64_t bytes;  // of all parts of the matrix
  double error;    // part of the matrix's squared weights, each weighed with its importance
  double loss;     // see measure_sensitivity
};

struct MeasuredModule {
  const PlannedTensor* planned;
  std::vector<MeasuredFormat> formats;  // by rising bytes; those of the candidates that fit
};

struct SensitivityOptions {
  const Importance* importance = nullptr;
  // The text on which divergence is measured; null: none is.
  const CalibrationText* text = nullptr;
  // progress(done, total) in measurements.
  std::function<void(uint64_t, uint64_t)> progress = {};
};

// Reference distributions are kept in memory, so much of them at most: what limits the tokens that
// a large vocabulary is measured with.
inline constexpr uint64_t sensitivity_bytes = uint64_t{512} << 20;
inline constexpr size_t sensitivity_tokens = 2048;

// Bytes of the modules that measure_sensitivity looks at, all in their smallest candidate and all
// in their largest. invalid_argument, naming the module, when none fits one.
struct Reach {
  uint64_t least = 0;
  uint64_t most = 0;
};
Reach reachable_bytes(const std::vector<PlannedTensor>& plan,
                      const std::vector<quant::Format>& candidates);

// Measures each module of the plan that has a format, in all candidates that fit it.
//
// With a text the loss of a format is in nats a token: the Kullback-Leibler divergence, on the
// first sensitivity_tokens of the text, of the model with this one matrix quantized from the model
// as it is. It is measured for two of the formats, the coarsest and one of the middle; in between
// and beyond, divergence goes with the weighted squared error, which is exact as far as errors are
// small. Without a text the loss is the error, times the part of all weights that the module has.
std::vector<MeasuredModule> measure_sensitivity(const std::filesystem::path& folder,
                                                const std::vector<PlannedTensor>& plan,
                                                const std::vector<quant::Format>& candidates,
                                                const SensitivityOptions& options);

}  // namespace tarn::compress
