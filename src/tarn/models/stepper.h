// Runs a model behind caches, step by step. Steps of one token, of which an answer has hundreds,
// are recorded once and then run again without graph or planning.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
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

  // One token of each of several sequences, which share one pass over the weights: logits
  // [sequences, vocab]. Each sequence's result has the bits that it would have alone. Error for
  // none, for a cache twice, and for an id outside the vocabulary.
  array run_batch(std::span<const int32_t> tokens, std::span<Cache* const> caches);

 private:
  struct Recorded {
    std::vector<std::vector<int64_t>> layouts;  // of the caches that it is for
    Compiled step;
  };
  Compiled& recorded_for(const std::vector<Cache*>& caches);
  array run_recorded(std::span<const int32_t> tokens, const std::vector<Cache*>& caches);

  const Model& model_;
  Model::StepGraph graph_;
  std::vector<Recorded> recorded_;  // last used last
};

}  // namespace tarn
