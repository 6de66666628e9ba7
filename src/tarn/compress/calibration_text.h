// The text that a model is calibrated on, cut into windows that it runs.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <vector>

#include "tarn/models/model.h"

namespace tarn::compress {

struct CalibrationText {
  std::vector<int32_t> tokens;
  int64_t window = 1024;  // each is run alone from an empty state; at least 2

  // The first `count` tokens (no more than there are).
  CalibrationText first(size_t count) const;
};

inline constexpr int64_t default_calibration_tokens = 16384;
// Logits of so many tokens are in memory at once.
inline constexpr int64_t calibration_chunk = 256;

// The first `limit` tokens of a UTF-8 file, by the tokenizer of `model`, without tokens added
// around it; windows of 1024 or the model's context, if that is shorter. invalid_argument: a limit
// below 2, or a text of fewer than 2 tokens; errors as read_file and the tokenizer's.
CalibrationText read_calibration_text(const std::filesystem::path& model,
                                      const std::filesystem::path& file, int64_t limit);

// Runs the windows chunk by chunk. `ran(position, logits)` sees lazy logits [T, vocab] of the
// tokens from `position` on, and what the chunk leaves in the cache, both to be evaluated by it.
using RanChunk =
    std::function<void(size_t position, const array& logits, const std::vector<array>& state)>;
void run_calibration(const Model& model, const CalibrationText& text, const RanChunk& ran);

}  // namespace tarn::compress
