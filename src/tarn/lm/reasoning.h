// Tells a model's reasoning (<think> ... </think>) from its answer while the text streams in.
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace tarn {

class ReasoningSplitter {
 public:
  // Called with text to show; the tags themselves and the white space next to them are left out.
  using Show = std::function<void(std::string_view text, bool reasoning)>;

  // in_reasoning: the prompt has opened the tag already.
  ReasoningSplitter(bool in_reasoning, Show show)
      : state_(in_reasoning ? State::reasoning : State::start), show_(std::move(show)) {}

  void push(std::string_view piece);
  void finish();  // the text has ended

  const std::string& reasoning() const { return reasoning_; }
  const std::string& answer() const { return answer_; }

 private:
  enum class State : uint8_t { start, reasoning, answer };
  void advance(bool finished);
  void emit(std::string_view text, bool reasoning);

  State state_;
  Show show_;
  std::string pending_;
  std::string reasoning_;
  std::string answer_;
};

// Whether a rendered prompt ends inside an open <think>.
bool ends_in_reasoning(std::string_view prompt);

}  // namespace tarn
