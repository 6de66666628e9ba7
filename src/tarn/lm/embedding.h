// One vector for a text.
#pragma once

#include <cstdint>
#include <vector>

#include "tarn/models/model.h"

namespace tarn {

enum class Pooling : uint8_t { mean, last };  // over the tokens' final hidden states

// Of length 1, [hidden_size]. tokens: at least one, below the vocabulary size.
std::vector<float> embed(const Model& model, const std::vector<int32_t>& tokens, Pooling pooling);

}  // namespace tarn
