// Tells a model's reasoning (<think> ... </think>) from its answer while the text streams in, for
// those who want no more than that. text/chat/output_parser.h also reads tool calls.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "tarn/text/chat/output_parser.h"

namespace tarn {

class ReasoningSplitter {
 public:
  // Called with text to show; the tags themselves and the white space next to them are left out.
  using Show = std::function<void(std::string_view text, bool reasoning)>;

  // in_reasoning: the prompt has opened the tag already.
  ReasoningSplitter(bool in_reasoning, Show show);

  void push(std::string_view piece);
  void finish();  // the text has ended

  const std::string& reasoning() const { return reasoning_; }
  const std::string& answer() const { return answer_; }

 private:
  void take();

  Show show_;
  text::OutputParser parser_;
  std::vector<text::OutputEvent> events_;
  std::string reasoning_;
  std::string answer_;
};

// Whether a rendered prompt ends inside an open <think>.
bool ends_in_reasoning(std::string_view prompt);

}  // namespace tarn
