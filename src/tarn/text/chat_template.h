// A model's chat template: from a conversation to the text of the prompt, exactly as Hugging Face
// transformers renders it (sandboxed Jinja 3.1, trim_blocks, lstrip_blocks, loop controls, its
// tojson, raise_exception and strftime_now).
#pragma once

#include <chrono>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "tarn/text/jinja/error.h"
#include "tarn/text/jinja/limits.h"

namespace tarn::text {

// What a template sees. Null pointers are None, as transformers passes them.
struct ChatInputs {
  const nlohmann::ordered_json* messages = nullptr;   // an array of objects
  const nlohmann::ordered_json* tools = nullptr;      // an array of JSON schemas
  const nlohmann::ordered_json* documents = nullptr;  // an array of objects
  bool add_generation_prompt = false;
  const nlohmann::ordered_json* variables = nullptr;  // an object: bos_token, eos_token, ...
  const nlohmann::ordered_json* kwargs = nullptr;     // an object: enable_thinking, ...; these win
  std::optional<std::chrono::local_seconds> now;      // for strftime_now; absent: the clock
};

class ChatTemplate {
 public:
  // Parses the source. Throws TemplateError, its message opening with `NAME:LINE: `.
  ChatTemplate(const std::string& source, std::string name, jinja::Limits limits = {});
  ~ChatTemplate();
  ChatTemplate(ChatTemplate&&) noexcept;
  ChatTemplate& operator=(ChatTemplate&&) noexcept;

  // Throws TemplateError; raised() tells whether the template refused the conversation itself.
  // Safe to call from several threads at once.
  std::string render(const ChatInputs& inputs) const;

 private:
  struct Impl;
  std::unique_ptr<const Impl> impl_;
};

}  // namespace tarn::text
