// A request inside the engine. For engine.cpp.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <vector>

#include "tarn/base/clock.h"
#include "tarn/lm/answer.h"
#include "tarn/lm/engine.h"

namespace tarn {

struct EngineJob;

// One answer of a request.
struct EngineChoice {
  EngineChoice(EngineJob& owner, size_t number, const Model& model);

  EngineJob& job;
  size_t index;
  std::unique_ptr<TokenText> text;
  std::unique_ptr<TokenConstraint> constraint;
  Answer answer;
  std::optional<Cache> cache;  // once the prompt is run
  bool finished = false;

  // False when it was the last token. Errors as the sampler's and the constraint's.
  bool accept(std::span<const float> logits);
  void finish(FinishReason reason, const std::optional<Error>& error);

 private:
  GenerateOptions options(const Model& model);
};

struct EngineJob {
  EngineJob(Engine::Id number, EngineRequest what, std::shared_ptr<Listener> whom)
      : id(number), request(std::move(what)), listener(std::move(whom)) {}

  Engine::Id id;
  EngineRequest request;
  std::shared_ptr<Listener> listener;
  std::vector<std::unique_ptr<EngineChoice>> choices;
  std::atomic<bool> cancelled{false};
  bool timed_out = false;
  bool refused = false;
  uint64_t bytes = 0;                 // that it can need
  std::optional<Cache> prompt_cache;  // while the prompt is run
  int64_t cached_tokens = 0;
  Clock::time_point arrived = Clock::now();
  Clock::time_point started;
  Clock::time_point first_token;
  double prefill_seconds = 0;

  bool over() const;
  bool expired(Clock::time_point now) const { return request.deadline && now >= *request.deadline; }
};

}  // namespace tarn
