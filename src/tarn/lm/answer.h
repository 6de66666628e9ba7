// The tokens of one answer as they are chosen: sampling, stop strings, end tokens, limits, text.
// What generate() and the engine have in common.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "tarn/lm/generate.h"
#include "tarn/lm/stop_strings.h"

namespace tarn {

using OnToken = std::function<bool(const TokenEvent&)>;

class Answer {
 public:
  // Errors as generate()'s before any work. Of `options`, `text`, `constraint` and `cancel` must
  // live as long as this.
  Answer(const Model& model, const std::vector<int32_t>& prompt, GenerateOptions options);

  // Chooses the next token from the model's logits [vocab] and reports it. False when it was the
  // last, or when on_token says not to go on: result().finish_reason tells why.
  bool accept(std::span<const float> logits, const OnToken& on_token);
  // Ends it for another reason.
  void end(FinishReason reason) { result_.finish_reason = reason; }
  // Reports the text that was still held back. Call once, behind the last token.
  void finish_text(const OnToken& on_token);

  bool cancelled() const;
  // Prompt and answer.
  const std::vector<int32_t>& sequence() const { return sequence_; }
  const GenerateOptions& options() const { return options_; }
  int64_t limit() const { return limit_; }  // of the context; 0: none
  Generated& result() { return result_; }

 private:
  int64_t tokens_left() const;  // 0: no limit
  int32_t choose(std::span<const float> logits);
  bool finish(FinishReason reason);

  GenerateOptions options_;
  Sampler sampler_;
  StopStrings stops_;
  std::vector<int32_t> sequence_;
  int64_t limit_;
  std::vector<float> allowed_;  // scratch: logits under a constraint
  Generated result_;
};

}  // namespace tarn
