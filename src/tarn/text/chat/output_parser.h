// Turns what a model writes, as it streams in, into reasoning, content and tool calls.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "tarn/text/chat/tool_format.h"

namespace tarn::text {

struct OutputEvent {
  enum class Kind : uint8_t { reasoning, content, call_begin, call_arguments, call_end };
  Kind kind = Kind::content;
  std::string text;  // reasoning, content: what comes next; call_arguments: JSON text
  size_t index = 0;  // of calls: 0, 1, ...
  std::string id;    // call_begin only, as are the next two
  std::string name;
  bool known = true;  // whether `tools` has this name; true when there is no list
  bool operator==(const OutputEvent&) const = default;
};

struct OutputOptions {
  bool in_reasoning = false;  // the prompt has opened reasoning (ends_in_reasoning)
  bool parse_tools = true;    // false: calls stay in the content as the model wrote them
  // Makes the ids of calls; empty: call_id() below, from the system's randomness. Where the format
  // writes ids itself (Kimi; Mistral, if they are well-formed), those are used.
  std::function<std::string()> make_id;
};

// The result does not depend on how the text is cut into pieces: pieces only decide how deltas of
// the same kind are divided.
//
// - Reasoning and content stream. What may yet become a marker waits, and so does white space,
//   which is dropped next to markers.
// - A call comes whole, when its last byte is there: only then is it known to be one. Its three
//   events follow one another, and call_arguments is one valid JSON object.
// - Text that begins like a call and is none (bad JSON, an unknown shape, cut off by the end) is
//   content, unchanged, markers included. What only lacks its closing marker at the end is a call.
// - A call of a tool that is not in `tools` is a call with known = false. In formats that mark
//   calls by nothing but their shape (llama_json, pythonic, functionary) it is content: a JSON
//   answer looks the same.
class OutputParser {
 public:
  // tools: an array of OpenAI's {"type": "function", "function": {"name", "parameters"}}, or of the
  // inner objects; null: not known. Schemas decide the types of parameters written as text.
  OutputParser(const OutputSyntax& syntax, const nlohmann::ordered_json& tools,
               OutputOptions options = {});
  ~OutputParser();
  OutputParser(OutputParser&&) noexcept;
  OutputParser& operator=(OutputParser&&) noexcept;

  // Appends what is known now to `events`. Pieces end at borders of UTF-8 characters if deltas
  // are to.
  void push(std::string_view piece, std::vector<OutputEvent>& events);
  void finish(std::vector<OutputEvent>& events);  // the text has ended

  // Whether the text has come to reasoning, and not to its end.
  bool in_reasoning() const;

  class Engine;

 private:
  std::unique_ptr<Engine> engine_;
};

// "call_" and 24 letters and digits, or 9 letters and digits for Mistral, from `next`, which gives
// 64 random bits.
std::string call_id(ToolFormat format, const std::function<uint64_t()>& next);

}  // namespace tarn::text
