#include "tarn/models/stepper.h"

#include "tarn/models/blocks/decoder.h"

namespace tarn {
namespace {

// Moves the cache's arrays out, so that nobody else holds them, and puts back what has become of
// them.
class Borrowed {
 public:
  explicit Borrowed(Cache& cache) : slots_(cache.buffers()) {}

  void take(std::vector<array>& inputs) {
    for (array* slot : slots_) inputs.push_back(std::move(*slot));
  }
  void put(std::vector<array>& arrays, size_t first) {
    for (size_t i = 0; i < slots_.size(); ++i) *slots_[i] = std::move(arrays[first + i]);
  }
  void put_copies(const std::vector<array>& arrays, size_t first) {
    for (size_t i = 0; i < slots_.size(); ++i) *slots_[i] = arrays[first + i];
  }

 private:
  std::vector<array*> slots_;
};

constexpr size_t step_inputs = 2;  // ids and position, before the cache's arrays

}  // namespace

array Stepper::run(const std::vector<int32_t>& tokens, Cache& cache, LogitsFor which) {
  const bool recordable = graph_ && tokens.size() == 1 && which == LogitsFor::last_token;
  if (recordable && cache.fits(1)) return run_recorded(tokens[0], cache);
  array result = model_.forward(tokens, cache, which);
  std::vector<array> wanted = cache.arrays();
  wanted.push_back(result);
  eval(wanted);
  return result;
}

array Stepper::run_recorded(int32_t token, Cache& cache) {
  if (std::vector<int64_t> layout = cache.layout(); !recorded_ || layout_ != layout) {
    layout_ = std::move(layout);
    Cache like = cache;
    for (array* buffer : like.buffers()) *buffer = array(0.0F);  // it must not keep the bytes
    recorded_.emplace(
        [graph = graph_, like = std::move(like)](const std::vector<array>& inputs) {
          Cache traced = like;
          Borrowed(traced).put_copies(inputs, step_inputs);
          const array logits = graph(inputs[0], inputs[1], traced, LogitsFor::last_token);
          std::vector<array> results = {logits};
          for (array* buffer : traced.buffers()) results.push_back(std::move(*buffer));
          return results;
        },
        step_inputs);
  }
  std::vector<array> inputs = {blocks::token_array({token}, model_.config().vocab_size),
                               array(static_cast<int>(cache.position()))};
  Borrowed borrowed(cache);
  borrowed.take(inputs);
  std::vector<array> results;
  try {
    results = (*recorded_)(inputs);
  } catch (...) {
    if (inputs.size() > step_inputs) borrowed.put(inputs, step_inputs);
    throw;
  }
  borrowed.put(results, 1);
  cache.advance_all(1);
  return results[0];
}

}  // namespace tarn
