#include "tarn/lm/reasoning.h"

#include <algorithm>

namespace tarn {
namespace {

constexpr std::string_view open_tag = "<think>";
constexpr std::string_view close_tag = "</think>";
constexpr std::string_view white_space = " \t\r\n";

size_t skip_space(std::string_view text) {
  return std::min(text.find_first_not_of(white_space), text.size());
}

// Length of the longest end of `text` that begins `tag`.
size_t partial_tag(std::string_view text, std::string_view tag) {
  for (size_t n = std::min(tag.size() - 1, text.size()); n > 0; --n) {
    if (text.ends_with(tag.substr(0, n))) return n;
  }
  return 0;
}

}  // namespace

void ReasoningSplitter::push(std::string_view piece) {
  pending_ += piece;
  advance(false);
}

void ReasoningSplitter::finish() { advance(true); }

void ReasoningSplitter::advance(bool finished) {
  if (state_ == State::start) {
    // Only a tag at the very beginning opens reasoning.
    const size_t begin = skip_space(pending_);
    const std::string_view rest = std::string_view(pending_).substr(begin);
    if (rest.starts_with(open_tag)) {
      pending_.erase(0, begin + open_tag.size());
      state_ = State::reasoning;
    } else if (finished || !open_tag.starts_with(rest)) {
      state_ = State::answer;
    } else {
      return;
    }
  }
  if (state_ == State::reasoning) {
    if (reasoning_.empty()) pending_.erase(0, skip_space(pending_));
    const size_t end = pending_.find(close_tag);
    if (end != std::string::npos) {
      const size_t last = std::string_view(pending_).substr(0, end).find_last_not_of(white_space);
      emit(std::string_view(pending_).substr(0, last == std::string::npos ? 0 : last + 1), true);
      pending_.erase(0, end + close_tag.size());
      state_ = State::answer;
    } else {
      // White space and a part of the tag wait for what follows them.
      const std::string_view all = pending_;
      const std::string_view text =
          finished ? all : all.substr(0, all.size() - partial_tag(all, close_tag));
      const size_t last = text.find_last_not_of(white_space);
      const size_t count = finished ? text.size() : last == std::string::npos ? 0 : last + 1;
      emit(text.substr(0, count), true);
      pending_.erase(0, count);
      return;
    }
  }
  if (answer_.empty()) pending_.erase(0, skip_space(pending_));
  emit(pending_, false);
  pending_.clear();
}

void ReasoningSplitter::emit(std::string_view text, bool reasoning) {
  if (text.empty()) return;
  (reasoning ? reasoning_ : answer_) += text;
  if (show_) show_(text, reasoning);
}

bool ends_in_reasoning(std::string_view prompt) {
  const size_t end = prompt.find_last_not_of(white_space);
  return end != std::string_view::npos && prompt.substr(0, end + 1).ends_with(open_tag);
}

}  // namespace tarn
