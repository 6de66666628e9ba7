// Speed of a model: prefill and decode, timed again and again on random tokens.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <vector>

#include "tarn/models/model.h"

namespace tarn {

struct BenchmarkOptions {
  int64_t prompt = 512;     // tokens; 0: no prefill test
  int64_t generated = 128;  // tokens; 0: no decode test
  int64_t depth = 0;        // tokens in the cache beforehand
  int repeats = 5;
  const std::atomic<bool>* cancel = nullptr;
  // The memory's read bandwidth in bytes a second, measured before and after each decode run, since
  // it may change from second to second; null: not.
  std::function<double()> bandwidth;
};

struct Spread {
  double median = 0;
  double least = 0;
  double most = 0;
};

// What the core's Programs cost, for each token.
struct ProgramCost {
  double build_seconds = 0;  // planning, while no kernel runs
  double steps = 0;
  double barriers = 0;
};

struct PrefillResult {
  Spread rate;         // tokens a second
  Spread first_token;  // seconds from the prompt to the first token
};

struct DecodeResult {
  Spread rate;               // tokens a second
  double weight_bytes = 0;   // read for one token
  double cache_bytes = 0;    // read for one token, on average over the test, and written: states
  Spread bandwidth;          // bytes a second around the runs; zero when not measured
  Spread part_of_limit;      // bytes read a second of each run by the bandwidth around it
  double graph_seconds = 0;  // for one token: all that is neither a Program's run nor sampling
  ProgramCost program;
};

// Each runs once untimed and then `repeats` times. Errors: prompt or depth + generated beyond the
// model's context; cancelled.
PrefillResult benchmark_prefill(const Model& model, const BenchmarkOptions& options);
DecodeResult benchmark_decode(const Model& model, const BenchmarkOptions& options);

}  // namespace tarn
