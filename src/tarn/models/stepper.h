// Runs a model behind a cache, step by step. Steps of one token, of which an answer has hundreds,
// are recorded once and then run again without graph or planning.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "tarn/core/compile.h"
#include "tarn/models/model.h"

namespace tarn {

class Stepper {
 public:
  // Keeps a reference to the model.
  explicit Stepper(const Model& model) : model_(model), graph_(model.step_graph()) {}

  // Model::forward, evaluated: logits (or what stands for them) and cache are there on return. Not
  // for two threads at once.
  array run(const std::vector<int32_t>& tokens, Cache& cache, LogitsFor which);

 private:
  array run_recorded(int32_t token, Cache& cache);

  const Model& model_;
  Model::StepGraph graph_;
  std::optional<Compiled> recorded_;
  std::vector<int64_t> layout_;  // of the caches that it is for
};

}  // namespace tarn
