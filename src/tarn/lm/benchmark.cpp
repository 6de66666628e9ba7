#include "tarn/lm/benchmark.h"

#include <algorithm>
#include <optional>

#include "tarn/base/clock.h"
#include "tarn/base/error.h"
#include "tarn/core/program.h"
#include "tarn/lm/generate.h"
#include "tarn/lm/sampler.h"
#include "tarn/models/stepper.h"
#include "tarn/plan/shape_cost.h"

namespace tarn {
namespace {

constexpr int64_t chunk = 512;  // of prompts

Spread spread(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  const double median =
      values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
  return {median, values.front(), values.back()};
}

class Runner {
 public:
  Runner(const Model& model, const BenchmarkOptions& options, int64_t tokens)
      : model_(model), stepper_(model), options_(options), filled_(model.make_cache()) {
    const int64_t limit = context_limit(model, 0);
    if (limit > 0 && options.depth + tokens > limit) {
      fail(ErrorCode::invalid_argument,
           "bench: depth {} and {} tokens are more than the model's context of {}; choose smaller "
           "numbers",
           options.depth, tokens, limit);
    }
    filled_.expect(options.depth + tokens);
    if (options.depth > 0) feed(filled_, options.depth, LogitsFor::none);
  }

  // A cache that holds `depth` tokens, shared until somebody writes to it.
  Cache cache() const { return filled_; }

  // Random tokens in chunks; the logits of the last.
  array feed(Cache& cache, int64_t count, LogitsFor which) {
    std::optional<array> result;
    const int64_t end = cache.position() + count;
    while (cache.position() < end) {
      check_cancel();
      const int64_t stop = std::min(end, (cache.position() / chunk + 1) * chunk);
      std::vector<int32_t> tokens;
      for (int64_t i = cache.position(); i < stop; ++i) tokens.push_back(random_token());
      result = step(cache, tokens, stop == end ? which : LogitsFor::none);
    }
    return *result;
  }

  int32_t random_token() {
    const auto vocab = static_cast<double>(model_.config().vocab_size);
    return static_cast<int32_t>(uniform_random(1, draws_++) * vocab);
  }

  array step(Cache& cache, const std::vector<int32_t>& tokens, LogitsFor which) {
    return stepper_.run(tokens, cache, which);
  }

  array step_batch(std::vector<Cache>& caches, const std::vector<int32_t>& tokens) {
    if (caches.size() == 1) return step(caches[0], tokens, LogitsFor::last_token);
    std::vector<Cache*> pointers;
    for (Cache& cache : caches) pointers.push_back(&cache);
    return stepper_.run_batch(tokens, pointers);
  }

  std::vector<int32_t> random_tokens() {
    std::vector<int32_t> tokens;
    for (int i = 0; i < options_.batch; ++i) tokens.push_back(random_token());
    return tokens;
  }

  // The likeliest token of each sequence.
  static std::vector<int32_t> choose_each(const array& logits) {
    const auto vocab = static_cast<size_t>(logits.shape(1));
    const std::span<const float> all(logits.data<float>(), static_cast<size_t>(logits.size()));
    std::vector<int32_t> tokens;
    for (size_t at = 0; at < all.size(); at += vocab) {
      tokens.push_back(argmax(all.subspan(at, vocab)));
    }
    return tokens;
  }

  static int32_t choose(const array& logits) {
    return argmax({logits.data<float>(), static_cast<size_t>(logits.size())});
  }

  void check_cancel() const {
    if (options_.cancel != nullptr && options_.cancel->load()) {
      fail(ErrorCode::cancelled, "bench: it was interrupted; run it again for a result");
    }
  }

 private:
  const Model& model_;
  Stepper stepper_;
  const BenchmarkOptions& options_;
  Cache filled_;
  uint64_t draws_ = 0;
};

}  // namespace

PrefillResult benchmark_prefill(const Model& model, const BenchmarkOptions& options) {
  Runner runner(model, options, options.prompt);
  std::vector<double> rates;
  std::vector<double> first_tokens;
  for (int i = -1; i < options.repeats; ++i) {
    Cache cache = runner.cache();
    const Clock::time_point start = Clock::now();
    const array logits = runner.feed(cache, options.prompt, LogitsFor::last_token);
    const double prefill = seconds_since(start);
    Runner::choose(logits);
    if (i < 0) continue;  // the first run pays for memory that later ones find ready
    rates.push_back(static_cast<double>(options.prompt) / prefill);
    first_tokens.push_back(seconds_since(start));
  }
  return {spread(rates), spread(first_tokens)};
}

DecodeResult benchmark_decode(const Model& model, const BenchmarkOptions& options) {
  Runner runner(model, options, options.generated + 2);
  DecodeResult result;
  std::vector<double> rates;
  std::vector<double> bandwidths;  // around each run
  double cache_bytes = 0;
  double outside_seconds = 0;
  for (int i = -1; i < options.repeats; ++i) {
    std::vector<Cache> caches(static_cast<size_t>(options.batch), runner.cache());
    // Two tokens ahead of the clock: one makes the caches this run's own, one is recorded.
    array logits = runner.step_batch(caches, runner.random_tokens());
    logits = runner.step_batch(caches, runner.random_tokens());
    const int64_t generated = i < 0 ? std::min<int64_t>(options.generated, 8) : options.generated;
    const double bandwidth_before = options.bandwidth && i >= 0 ? options.bandwidth() : 0;
    const auto bytes_before = static_cast<double>(caches[0].nbytes());
    reset_program_totals();
    double sampling = 0;
    const Clock::time_point start = Clock::now();
    for (int64_t n = 0; n < generated; ++n) {
      runner.check_cancel();
      const Clock::time_point sampling_start = Clock::now();
      const std::vector<int32_t> tokens = Runner::choose_each(logits);
      sampling += seconds_since(sampling_start);
      logits = runner.step_batch(caches, tokens);
    }
    const double seconds = seconds_since(start);
    if (i < 0) continue;
    if (options.bandwidth) bandwidths.push_back((bandwidth_before + options.bandwidth()) / 2);
    const auto count = static_cast<double>(generated);
    const double part = 1.0 / (count * options.repeats);
    const ProgramStats totals = program_totals();
    rates.push_back(count * options.batch / seconds);
    cache_bytes += (bytes_before + static_cast<double>(caches[0].nbytes())) / 2 / options.repeats;
    outside_seconds += (seconds - sampling - totals.run_seconds) * part / options.batch;
    result.program.build_seconds += totals.build_seconds * part / options.batch;
    result.program.steps += totals.steps * part;
    result.program.barriers += totals.barriers * part;
  }
  result.rate = spread(rates);
  result.weight_bytes = static_cast<double>(model.size().bytes_per_token) / options.batch;
  // Recurrent states are written back as a whole.
  result.cache_bytes = cache_bytes + plan::state_bytes(plan::shape_cost(model.config()));
  result.graph_seconds = outside_seconds;
  if (!bandwidths.empty()) {
    result.bandwidth = spread(bandwidths);
    for (size_t i = 0; i < rates.size(); ++i) {
      rates[i] *= (result.weight_bytes + result.cache_bytes) / bandwidths[i];
    }
    result.part_of_limit = spread(rates);
  }
  return result;
}

}  // namespace tarn
