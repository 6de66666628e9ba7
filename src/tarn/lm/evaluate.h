// Measures of a model's quality.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tarn/models/model.h"

namespace tarn {

// Logits of every model, in their order, for the token at `position` of the text.
using VisitLogits =
    std::function<void(size_t position, std::span<const std::span<const float>> logits)>;

// Runs `tokens` through the models, cut into consecutive windows that are each run alone from an
// empty state; visits every token but the first of each window, in order. Stops between chunks when
// *cancel is set (Error cancelled).
void run_windows(std::span<const Model* const> models, const std::vector<int32_t>& tokens,
                 int64_t window, const std::atomic<bool>* cancel, const VisitLogits& visit);

// Losses of `tokens`, in nats, in such windows: nll[i] is -log p(token i | the tokens of its window
// before it), and NaN for the first of a window, which is not predicted. Stops between windows when
// *cancel is set (Error cancelled).
std::vector<double> window_losses(const Model& model, const std::vector<int32_t>& tokens,
                                  int64_t window, const std::atomic<bool>* cancel = nullptr);

// What counts as the answer in a model's output: what follows the last </think>, without the white
// space around it.
std::string final_answer(std::string_view output);

}  // namespace tarn
