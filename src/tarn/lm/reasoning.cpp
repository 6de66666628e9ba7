#include "tarn/lm/reasoning.h"

#include <nlohmann/json.hpp>

namespace tarn {

ReasoningSplitter::ReasoningSplitter(bool in_reasoning, Show show)
    : show_(std::move(show)),
      parser_({}, nullptr, {.in_reasoning = in_reasoning, .parse_tools = false, .make_id = {}}) {}

void ReasoningSplitter::push(std::string_view piece) {
  parser_.push(piece, events_);
  take();
}

void ReasoningSplitter::finish() {
  parser_.finish(events_);
  take();
}

void ReasoningSplitter::take() {
  for (const text::OutputEvent& event : events_) {
    const bool reasoning = event.kind == text::OutputEvent::Kind::reasoning;
    (reasoning ? reasoning_ : answer_) += event.text;
    if (show_) show_(event.text, reasoning);
  }
  events_.clear();
}

bool ends_in_reasoning(std::string_view prompt) { return text::ends_in_reasoning(prompt, {}); }

}  // namespace tarn
