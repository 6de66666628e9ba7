// Writing a quantized copy of a model folder, in the layout that MLX's tools read.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tarn/compress/activation_scaling.h"
#include "tarn/compress/importance.h"
#include "tarn/compress/recipe.h"

namespace tarn::compress {

// Tensors that stay as they were for one reason.
struct Kept {
  std::string reason;
  std::map<std::string, uint64_t>
      names;  // layer numbers written as *, with how many they stand for
  uint64_t bytes = 0;
};

struct QuantizeReport {
  std::map<std::string, uint64_t> modules;  // by format: "affine:4:64"
  uint64_t quantized_values = 0;            // of those modules
  uint64_t quantized_bytes = 0;             // codes, scales and biases of those modules
  uint64_t values = 0;                      // of the whole model, as written
  uint64_t bytes_before = 0;                // tensor bytes
  uint64_t bytes_after = 0;
  std::vector<Kept> kept;
  std::vector<std::string> fallbacks;  // "model.layers.0.mlp.down_proj: 112 inputs do not fill ..."
  std::optional<ScalingReport> scaling;
  std::vector<std::string> warnings;  // rules that matched nothing, tensors left out
};

struct QuantizeOptions {
  // How much errors count, by module; null: all inputs alike.
  const Importance* importance = nullptr;
  // Scales weights by activations first (compress/activation_scaling.h); needs the importance.
  bool scale_activations = false;
  std::function<void(uint64_t, uint64_t)> scaling_progress = {};  // (groups done, total)
  // The text for error feedback (compress/error_feedback.h); null: each value is rounded alone.
  // invalid_argument when a format in use has no free codes.
  const CalibrationText* feedback = nullptr;
  // Layers that cannot be quantized as asked stay as they are, with a word in the report; otherwise
  // they are an error.
  bool allow_fallback = false;
  // progress(done, total) counts the input's tensor bytes.
  std::function<void(uint64_t, uint64_t)> progress = {};
};

// Reads the model folder `in` and writes `out`, which must not exist or be empty: for each linear
// layer and embedding [N, K] "<module>.weight" (codes), "<module>.scales" and "<module>.biases" as
// in quant/affine.h, the latter two in the weight's own type; all other tensors and the tokenizer's
// and other small files as they are; config.json with "quantization" added, last, so that an
// interrupted run leaves no folder that loads. Uses a few tens of MB beside the mapped input.
//
// invalid_argument: `out` is `in` or not empty, the input is quantized already, a layer does not
// fit its format, the importance is another model's. corrupt: a weight is not finite. Otherwise as
// load_model_config, Checkpoint and CheckpointWriter.
QuantizeReport quantize_model(const std::filesystem::path& in, const std::filesystem::path& out,
                              const Recipe& recipe, const QuantizeOptions& options = {});

}  // namespace tarn::compress
