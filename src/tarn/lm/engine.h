// Many sequences through one model at once: continuous batching. Sequences join and leave between
// steps; a step is one chunk of one prompt, or one token of every sequence that is past its prompt.
// What a sequence gives has the bits that it would have alone.
//
// A sequence is admitted only when the memory that it can ever need, for prompt and answer, is
// there: nothing that runs fails for want of memory. Clients take turns.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tarn/base/clock.h"
#include "tarn/lm/generate.h"
#include "tarn/lm/loaded_model.h"
#include "tarn/lm/prefix_files.h"
#include "tarn/lm/prefix_store.h"

namespace tarn {

struct EngineOptions {
  int64_t max_sequences = 8;  // that run at once
  int64_t max_queue = 64;     // that wait
  uint64_t cache_bytes = 0;   // of running sequences and kept prefixes together; > 0
  int64_t context_limit = 0;  // 0: the model's
  int64_t prefill_chunk = 512;
};

// The answer's end.
struct Finish {
  FinishReason reason = FinishReason::cancelled;
  bool timed_out = false;             // cancelled by its deadline
  bool refused = false;               // it never began (Engine::set_limit)
  std::optional<Error> error;         // the answer failed
  const Generated* result = nullptr;  // counts and times; null where nothing was run
};

// Where the answers of a request go; `choice` counts from 0. Called from the engine's thread, one
// at a time: must return at once and throw nothing.
class Listener {
 public:
  virtual ~Listener() = default;
  virtual void on_start(int64_t /*prompt_tokens*/, int64_t /*cached_tokens*/) {}
  virtual void on_token(size_t choice, const TokenEvent& event) = 0;
  // Last for this choice; always called, once, for every choice of an accepted request.
  virtual void on_finish(size_t choice, const Finish& finish) = 0;
  // False: the answer pauses until this is true again or it is cancelled.
  virtual bool ready() { return true; }
};

struct EngineRequest {
  std::vector<int32_t> prompt;
  // Of it `text` and `constraint` are made by the functions below; `cancel` and `snapshots` are the
  // engine's. Choice i samples with seed + i.
  GenerateOptions options;
  size_t choices = 1;                                                 // answers to the same prompt
  std::function<std::unique_ptr<TokenText>()> make_text;              // empty: tokens only
  std::function<std::unique_ptr<TokenConstraint>()> make_constraint;  // empty: none
  std::string client;                                                 // who takes turns
  std::optional<Clock::time_point> deadline;
};

struct EngineStats {
  int64_t running = 0;
  int64_t waiting = 0;
  int64_t limit = 0;  // of running ones, as the governor has it
  uint64_t accepted = 0, refused = 0, finished = 0, cancelled = 0, failed = 0, timed_out = 0;
  uint64_t prompt_tokens = 0;  // that were run: not found in the cache
  uint64_t generated_tokens = 0;
  uint64_t steps = 0;           // of decoding
  uint64_t batched_tokens = 0;  // of them all: batched_tokens / steps is the mean batch
  double prefill_seconds = 0;
  double decode_seconds = 0;
  uint64_t reserved_bytes = 0;  // for running sequences
  uint64_t cache_bytes = 0;     // the budget
  PrefixStats prefixes;
};

// A request was not taken because all places are: try again in about so many seconds.
class Overloaded : public Error {
 public:
  Overloaded(const std::string& message, double retry_after, bool draining)
      : Error(ErrorCode::unsupported, message), retry_after_(retry_after), draining_(draining) {}
  double retry_after() const { return retry_after_; }
  bool draining() const { return draining_; }

 private:
  double retry_after_;
  bool draining_;
};

// Half of the memory that this process has left: a budget for caches where none is given.
uint64_t default_cache_bytes();

class Engine {
 public:
  using Id = uint64_t;

  // Keeps a reference to the model. Starts a thread, the only one that runs the model.
  Engine(const LoadedModel& model, const EngineOptions& options);
  ~Engine();  // cancels what is left
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // Errors: as generate()'s before any work; out_of_memory for what would never fit, with both
  // sizes; Overloaded when the queue is full or the engine is draining.
  Id submit(EngineRequest request, std::shared_ptr<Listener> listener);
  // The answer ends within one step; no effect when it is over.
  void cancel(Id id);
  // A paused answer's listener is ready again.
  void wake();

  // Kept prefixes to and from a folder (lm/prefix_files.h); between two steps.
  PrefixFiles save_prefixes(const std::filesystem::path& folder, uint64_t limit);
  PrefixFiles load_prefixes(const std::filesystem::path& folder);

  // Runs `work` on the engine's thread between two steps, and returns when it is done; what it
  // throws is thrown here.
  void run(const std::function<void(const Model&)>& work);
  // The same with what the engine remembers of prompts and answers; afterwards it is cut to what
  // the budget allows.
  void run(const std::function<void(const Model&, PrefixStore&)>& work);

  // How many may run at once from now on, 0 .. max_sequences: more are let finish. With
  // `refuse_waiting` those that wait, and those that come until the limit is set again, end at
  // once.
  void set_limit(int64_t sequences, bool refuse_waiting = false);
  // No further requests; returns when all are answered, or after `timeout`: whether all were.
  bool drain(std::chrono::milliseconds timeout);

  // Cancels what is left, and lets go of all listeners; submit() and run() fail from now on.
  void stop();

  EngineStats stats() const;
  const EngineOptions& options() const;
  // What a sequence of so many tokens takes.
  uint64_t sequence_bytes(int64_t tokens) const;

 private:
  class Loop;
  std::unique_ptr<Loop> loop_;
};

}  // namespace tarn
