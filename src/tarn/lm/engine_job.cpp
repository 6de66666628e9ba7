#include "tarn/lm/engine_job.h"

#include <algorithm>

namespace tarn {

EngineChoice::EngineChoice(EngineJob& owner, size_t number, const Model& model)
    : job(owner),
      index(number),
      text(owner.request.make_text ? owner.request.make_text() : nullptr),
      constraint(owner.request.make_constraint ? owner.request.make_constraint() : nullptr),
      answer(model, owner.request.prompt, options(model)) {}

GenerateOptions EngineChoice::options(const Model& /*model*/) {
  GenerateOptions all = job.request.options;
  all.text = text.get();
  all.constraint = constraint.get();
  all.cancel = &job.cancelled;
  all.sampler.seed += index;
  return all;
}

bool EngineChoice::accept(std::span<const float> logits) {
  const bool more = answer.accept(logits, [this](const TokenEvent& event) {
    job.listener->on_token(index, event);
    return true;
  });
  if (answer.result().tokens.size() == 1) {
    job.first_token = Clock::now();
    answer.result().first_token_seconds = seconds_between(job.arrived, job.first_token);
  }
  return more;
}

void EngineChoice::finish(FinishReason reason, const std::optional<Error>& error) {
  if (finished) return;
  finished = true;
  Generated& result = answer.result();
  answer.end(reason);
  if (!error && !result.tokens.empty()) {
    answer.finish_text([this](const TokenEvent& event) {
      job.listener->on_token(index, event);
      return true;
    });
  }
  result.cached_tokens = job.cached_tokens;
  result.prefill_seconds = job.prefill_seconds;
  if (result.tokens.size() > 1) {
    result.decode_seconds = seconds_between(job.first_token, Clock::now());
  }
  job.listener->on_finish(index, {reason, job.timed_out, job.refused, error, &result});
}

bool EngineJob::over() const {
  return std::all_of(choices.begin(), choices.end(),
                     [](const auto& choice) { return choice->finished; });
}

}  // namespace tarn
