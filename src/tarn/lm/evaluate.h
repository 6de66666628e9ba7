// Measures of a model's quality.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tarn/models/model.h"

namespace tarn {

// Losses of `tokens`, in nats, cut into consecutive windows that are each run alone from an empty
// state: nll[i] is -log p(token i | the tokens of its window before it), and NaN for the first of a
// window, which is not predicted. Stops between windows when *cancel is set (Error cancelled).
std::vector<double> window_losses(const Model& model, const std::vector<int32_t>& tokens,
                                  int64_t window, const std::atomic<bool>* cancel = nullptr);

// What counts as the answer in a model's output: what follows the last </think>, without the white
// space around it.
std::string final_answer(std::string_view output);

}  // namespace tarn
