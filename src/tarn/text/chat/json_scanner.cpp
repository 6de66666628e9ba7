#include "tarn/text/chat/json_scanner.h"

namespace tarn::text {
namespace {

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }
bool is_number(char c) {
  return is_digit(c) || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E';
}

constexpr std::string_view words[] = {"true", "false", "null"};

bool begins_word(std::string_view part) {
  for (const std::string_view word : words) {
    if (word.starts_with(part)) return true;
  }
  return false;
}

bool is_word(std::string_view part) {
  for (const std::string_view word : words) {
    if (word == part) return true;
  }
  return false;
}

}  // namespace

JsonScanner::Status JsonScanner::scan(std::string_view text) {
  while (!finished_ && position_ < text.size()) {
    if (!accept(text, text[position_])) return Status::bad;
  }
  return finished_ ? Status::done : Status::more;
}

bool JsonScanner::accept(std::string_view text, char c) {
  switch (state_) {
    case State::string:
      if (c == '"') {
        end_string();
      } else if (c == '\\') {
        state_ = State::escape;
      } else if (static_cast<unsigned char>(c) < 0x20) {
        return false;
      }
      break;
    case State::escape:
      if (c == 'u') {
        hex_left_ = 4;
        state_ = State::hex;
      } else if (std::string_view("\"\\/bfnrt").find(c) != std::string_view::npos) {
        state_ = State::string;
      } else {
        return false;
      }
      break;
    case State::hex:
      if (!is_hex(c)) return false;
      if (--hex_left_ == 0) state_ = State::string;
      break;
    case State::number:
      if (!is_number(c)) {
        end_value();
        return true;  // c is looked at again
      }
      break;
    case State::word: {
      const std::string_view so_far = text.substr(word_begin_, position_ - word_begin_);
      if (is_word(so_far)) {
        end_value();
        return true;
      }
      if (!begins_word(text.substr(word_begin_, position_ + 1 - word_begin_))) return false;
      break;
    }
    default:
      if (!is_space(c)) return accept_structure(c);
      break;
  }
  ++position_;
  return true;
}

bool JsonScanner::accept_structure(char c) {
  switch (state_) {
    case State::first_item:
      if (c != ']') return begin_value(c);
      close();
      return true;
    case State::first_key:
    case State::key:
      if (c == '}' && state_ == State::first_key) {
        close();
        return true;
      }
      if (c != '"') return false;
      ++position_;
      if (open_.size() == 1) members_.push_back({position_, position_, 0, 0});
      in_key_ = true;
      state_ = State::string;
      return true;
    case State::colon:
      if (c != ':') return false;
      ++position_;
      state_ = State::value;
      return true;
    case State::comma: {
      const bool object = open_.back() == '{';
      if (c == (object ? '}' : ']')) {
        close();
        return true;
      }
      if (c != ',') return false;
      ++position_;
      state_ = object ? State::key : State::value;
      return true;
    }
    default:
      return begin_value(c);
  }
}

bool JsonScanner::begin_value(char c) {
  if (open_.empty() && c != '{') return false;
  if (open_.size() == 1) members_.back().value_begin = position_;
  if (c == '{' || c == '[') return open(c);
  word_begin_ = position_;
  if (c == '"') {
    state_ = State::string;
  } else if (is_digit(c) || c == '-') {
    state_ = State::number;
  } else if (begins_word(std::string_view(&c, 1))) {
    state_ = State::word;
  } else {
    return false;
  }
  ++position_;
  return true;
}

bool JsonScanner::open(char bracket) {
  if (open_.size() == max_depth) return false;
  open_.push_back(bracket);
  state_ = bracket == '{' ? State::first_key : State::first_item;
  ++position_;
  return true;
}

void JsonScanner::close() {
  open_.pop_back();
  ++position_;
  end_value();
}

void JsonScanner::end_string() {
  if (in_key_) {
    in_key_ = false;
    if (open_.size() == 1) members_.back().key_end = position_;
    state_ = State::colon;
    return;
  }
  ++position_;
  end_value();
  --position_;  // the caller steps over the quote
}

void JsonScanner::end_value() {
  state_ = State::comma;
  if (open_.size() == 1) members_.back().value_end = position_;
  finished_ = open_.empty();
}

}  // namespace tarn::text
