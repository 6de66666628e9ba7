// A conversation: messages, the chat template, and a cache that follows them from turn to turn.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "tarn/lm/loaded_model.h"
#include "tarn/lm/prefix_cache.h"
#include "tarn/lm/reasoning.h"

namespace tarn {

struct Reply {
  std::string reasoning;  // between <think> and </think>; empty if there was none
  std::string answer;     // tool calls stand in it as the model wrote them
  Generated generated;
};

class Session {
 public:
  // Keeps a reference to `model`. Error when it has no tokenizer or no chat template.
  explicit Session(const LoadedModel& model);
  ~Session();

  void set_system(std::string_view text);  // empty: none
  std::string system() const;
  // Sets `enable_thinking` (and `thinking`) for the template; nullopt: the template's own default.
  void set_thinking(std::optional<bool> enabled);
  // An array of JSON schemas of functions, for the template; null: none.
  void set_tools(const nlohmann::ordered_json& tools);
  void clear();  // all messages but the system's

  // Everything said so far: an array of {"role", "content", "reasoning_content"?}.
  const nlohmann::ordered_json& messages() const;
  // Replaces them. Error(corrupt) unless it is an array of objects with "role" and "content".
  void set_messages(const nlohmann::ordered_json& messages, std::string_view source);

  // Adds the user's message, generates, adds the answer (also one that was cancelled midway). On an
  // error the conversation is as before. Of `options`, text, snapshots and, when empty, end_tokens
  // are set here.
  Reply answer(std::string_view user, GenerateOptions options,
               const ReasoningSplitter::Show& show = {});

  PrefixCache& cache() { return cache_; }

 private:
  std::string render(bool add_generation_prompt) const;
  Reply generate_reply(GenerateOptions& options, const ReasoningSplitter::Show& show);
  std::vector<int64_t> snapshot_lengths(const std::vector<int32_t>& prompt) const;

  struct State;
  const LoadedModel& model_;
  PrefixCache cache_;
  std::unique_ptr<State> state_;
};

}  // namespace tarn
