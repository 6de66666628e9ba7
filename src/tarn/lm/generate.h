// One sequence from prompt to finished answer: prefill in chunks, then token by token.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tarn/lm/sampler.h"
#include "tarn/models/generation_config.h"
#include "tarn/models/model.h"

namespace tarn {

// Turns tokens into text as it becomes certain (a character may be spread over several tokens).
class TokenText {
 public:
  virtual ~TokenText() = default;
  virtual std::string push(int32_t token) = 0;
  virtual std::string finish() = 0;
};

// What the next token may be: a grammar, for one sequence.
class TokenConstraint {
 public:
  virtual ~TokenConstraint() = default;
  // How many more tokens there may be, the next one included: it may want to come to its end in
  // time. Called before each mask() where there is a limit.
  virtual void expect_at_most(int64_t /*tokens*/) {}
  // A bit for each id, 32 a word, lowest first; ids beyond are not allowed.
  virtual std::span<const uint32_t> mask() = 0;
  virtual void accept(int32_t token) = 0;  // one that the mask allows
  virtual bool complete() const = 0;       // nothing can follow
};

enum class FinishReason : uint8_t {
  stop,       // an end token or a stop string
  length,     // max_tokens or the context limit
  cancelled,  // by the flag or the callback
};
const char* name(FinishReason reason);  // "stop", "length", "cancelled"

struct GenerateOptions {
  int64_t max_tokens = -1;  // of the answer; -1: until the context is full
  SamplerOptions sampler;
  std::vector<std::string> stop;  // strings; they need `text`
  std::vector<int32_t> end_tokens;
  bool ignore_end = false;      // go on behind end tokens, which are then tokens like others
  int64_t top_logprobs = -1;    // alternatives to report with each token's probability; -1: neither
  int64_t prefill_chunk = 512;  // tokens; a multiple of 256
  int64_t context_limit = 0;    // tokens of prompt and answer; 0: what the model was made for
  TokenText* text = nullptr;    // null: tokens only
  TokenConstraint* constraint = nullptr;
  const std::atomic<bool>* cancel = nullptr;  // looked at between chunks and between tokens
  // Lengths of prefixes of the prompt at which to keep a copy of the cache, rising. Each costs a
  // pass through the model.
  std::vector<int64_t> snapshots;
};

inline constexpr int32_t no_token = -1;

struct TokenEvent {
  int32_t token = no_token;  // no_token: only the text that was still held back
  std::string_view text;     // new text, safe to show
  const Logprobs* logprobs = nullptr;
};

struct Generated {
  std::vector<int32_t> tokens;  // with the end token, if one came
  std::string text;             // without the stop string
  std::string stop_string;      // that ended it; empty otherwise
  FinishReason finish_reason = FinishReason::length;
  bool context_full = false;  // the reason is `length` and the context's, not max_tokens'
  std::vector<Logprobs> logprobs;
  std::vector<Cache> snapshots;  // those asked for that the cache did not lie beyond already

  int64_t prompt_tokens = 0;
  int64_t cached_tokens = 0;  // of them, those that the cache held already
  double prefill_seconds = 0;
  double first_token_seconds = 0;  // from the call to the first token
  double decode_seconds = 0;       // of all tokens after the first
};

// `prompt` is the whole sequence so far; `cache` holds its first cache.position() tokens, at least
// one less than all. Afterwards the cache holds prompt and answer but for the last token, which
// was never run. The callback returns whether to go on.
//
// Chunk borders stand at multiples of prefill_chunk of the position, whatever was cached.
// Errors before any work: an empty prompt, an id outside the vocabulary, options out of range, a
// prompt that leaves no room in the context.
Generated generate(const Model& model, Cache& cache, const std::vector<int32_t>& prompt,
                   const GenerateOptions& options,
                   const std::function<bool(const TokenEvent&)>& on_token = {});

// What the model's makers suggest, with a random seed; greedy where they do not say to sample.
GenerateOptions suggested_options(const GenerationConfig& defaults);

// Parts of generate()'s checks, for who wants to know before.
void check_tokens(const Model& model, const std::vector<int32_t>& tokens);  // ids and their number
void check_prompt(const Model& model, const std::vector<int32_t>& prompt,
                  const GenerateOptions& options);
// The tokens that prompt and answer may have together; 0: the model does not say.
int64_t context_limit(const Model& model, int64_t option);

}  // namespace tarn
