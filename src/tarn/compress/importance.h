// How much an error in each column of a weight matrix counts: the mean square of the activation
// that the column is multiplied with, over a calibration text.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "tarn/compress/calibration_text.h"

namespace tarn::compress {

struct Importance {
  // By module ("model.layers.0.mlp.up_proj"): float [inputs], finite, none below zero. An embedding
  // is there only if it is the output projection too.
  std::map<std::string, std::vector<float>> mean_squares;
  uint64_t tokens = 0;

  // What codecs are given: scaled to a mean of 1, nothing below a small part of it, so that no
  // column is free. Null when the module is not there or all of it is zero.
  std::vector<float> weights_of(const std::string& module) const;
};

// Runs the dense model in `folder` with exact activations over the text. progress(tokens done,
// total). Errors as load_model's; corrupt when an activation is not finite.
Importance collect_importance(const std::filesystem::path& folder, const CalibrationText& text,
                              const std::function<void(uint64_t, uint64_t)>& progress = {});

// A safetensors file: F32 [inputs] for each module under its name; metadata "format":
// "tarn.importance.1" and "tokens". Reading: corrupt when the file is not one, or holds a value
// that is negative or not finite.
void write_importance(const std::filesystem::path& file, const Importance& importance);
Importance read_importance(const std::filesystem::path& file);

}  // namespace tarn::compress
