#include "tarn/models/stepper.h"

#include <algorithm>

#include "tarn/base/error.h"
#include "tarn/models/blocks/decoder.h"
#include "tarn/ops/shape.h"

namespace tarn {
namespace {

// A server's batches come in a few sizes at a time; each recording keeps the memory of its
// intermediate values.
constexpr size_t most_recordings = 8;
constexpr size_t step_inputs = 2;  // ids and positions, before the caches' arrays

// Moves the caches' arrays out, so that nobody else holds them, and puts back what has become of
// them.
class Borrowed {
 public:
  explicit Borrowed(const std::vector<Cache*>& caches) {
    for (Cache* cache : caches) {
      for (array* slot : cache->buffers()) slots_.push_back(slot);
    }
  }

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

std::vector<Cache*> pointers(std::vector<Cache>& caches) {
  std::vector<Cache*> all;
  for (Cache& cache : caches) all.push_back(&cache);
  return all;
}

array positions_of(const std::vector<Cache*>& caches) {
  std::vector<int32_t> positions;
  for (const Cache* cache : caches) positions.push_back(static_cast<int32_t>(cache->position()));
  return {positions, {static_cast<int64_t>(positions.size())}};
}

std::vector<array> one_by_one(const array& positions) {
  std::vector<array> all;
  for (int64_t i = 0; i < positions.size(); ++i) {
    all.push_back(squeeze(slice(positions, 0, i, i + 1), 0));
  }
  return all;
}

std::vector<array> with_arrays_of(const array& result, const std::vector<Cache*>& caches) {
  std::vector<array> wanted = {result};
  for (const Cache* cache : caches) {
    for (const array& a : cache->arrays()) wanted.push_back(a);
  }
  return wanted;
}

}  // namespace

array Stepper::run(const std::vector<int32_t>& tokens, Cache& cache, LogitsFor which) {
  const bool recordable = graph_ && tokens.size() == 1 && which == LogitsFor::last_token;
  if (recordable && cache.fits(1)) return run_recorded(tokens, {&cache});
  array result = model_.forward(tokens, cache, which);
  eval(with_arrays_of(result, {&cache}));
  return result;
}

array Stepper::run_batch(std::span<const int32_t> tokens, std::span<Cache* const> caches) {
  if (tokens.empty() || tokens.size() != caches.size()) {
    fail(ErrorCode::invalid_argument, "batch: {} tokens for {} caches; give one for each",
         tokens.size(), caches.size());
  }
  const std::vector<Cache*> all(caches.begin(), caches.end());
  std::vector<Cache*> sorted = all;
  std::sort(sorted.begin(), sorted.end());
  if (std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end()) {
    fail(ErrorCode::invalid_argument, "batch: one cache stands for two sequences; copy it first");
  }
  if (!graph_) {  // one after the other
    std::vector<array> logits;
    for (size_t i = 0; i < all.size(); ++i) {
      logits.push_back(run({tokens[i]}, *all[i], LogitsFor::last_token));
    }
    array joined = concatenate(logits, 0);
    eval({joined});
    return joined;
  }
  const auto fits = [](const Cache* cache) { return cache->fits(1); };
  if (std::all_of(all.begin(), all.end(), fits)) return run_recorded(tokens, all);
  const array ids = blocks::token_array({tokens.begin(), tokens.end()}, model_.config().vocab_size);
  array result = graph_(ids, one_by_one(positions_of(all)), all, LogitsFor::last_token);
  eval(with_arrays_of(result, all));
  return result;
}

Compiled& Stepper::recorded_for(const std::vector<Cache*>& caches) {
  std::vector<std::vector<int64_t>> layouts;
  for (const Cache* cache : caches) layouts.push_back(cache->layout());
  const auto known = std::find_if(recorded_.begin(), recorded_.end(),
                                  [&](const Recorded& one) { return one.layouts == layouts; });
  if (known != recorded_.end()) {
    std::rotate(known, known + 1, recorded_.end());
    return recorded_.back().step;
  }
  std::vector<Cache> like;
  for (const Cache* cache : caches) like.push_back(*cache);
  for (Cache& cache : like) {  // which must not keep the bytes
    for (array* buffer : cache.buffers()) *buffer = array(0.0F);
  }
  const auto step = [graph = graph_, like = std::move(like)](const std::vector<array>& inputs) {
    std::vector<Cache> traced = like;
    const std::vector<Cache*> all = pointers(traced);
    Borrowed(all).put_copies(inputs, step_inputs);
    std::vector<array> results = {
        graph(inputs[0], one_by_one(inputs[1]), all, LogitsFor::last_token)};
    for (Cache& cache : traced) {
      for (array* buffer : cache.buffers()) results.push_back(std::move(*buffer));
    }
    return results;
  };
  if (recorded_.size() == most_recordings) recorded_.erase(recorded_.begin());
  recorded_.push_back({std::move(layouts), Compiled(step, step_inputs)});
  return recorded_.back().step;
}

array Stepper::run_recorded(std::span<const int32_t> tokens, const std::vector<Cache*>& caches) {
  Compiled& step = recorded_for(caches);
  std::vector<array> inputs = {
      blocks::token_array({tokens.begin(), tokens.end()}, model_.config().vocab_size),
      positions_of(caches)};
  Borrowed borrowed(caches);
  borrowed.take(inputs);
  std::vector<array> results;
  try {
    results = step(inputs);
  } catch (...) {
    if (inputs.size() > step_inputs) borrowed.put(inputs, step_inputs);
    throw;
  }
  borrowed.put(results, 1);
  for (Cache* cache : caches) cache->advance_all(1);
  return results[0];
}

}  // namespace tarn
