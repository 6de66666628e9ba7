// Finds the end of a JSON object in text that is still arriving. Each byte is looked at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace tarn::text {

// Refuses at the first byte that cannot be JSON, with two exceptions that only a parser of the
// whole finds: malformed numbers and broken UTF-8.
class JsonScanner {
 public:
  static constexpr size_t max_depth = 64;
  enum class Status : uint8_t { more, done, bad };

  // A member of the outermost object: byte ranges [begin, end) of the text.
  struct Member {
    size_t key_begin, key_end;  // without the quotes
    size_t value_begin, value_end;
  };

  explicit JsonScanner(size_t begin = 0) : position_(begin) {}

  // Reads on. `text` is what it was at the last call with more behind it. The object stands at
  // `begin`.
  Status scan(std::string_view text);
  size_t position() const { return position_; }  // done: behind the object; bad: the wrong byte
  const std::vector<Member>& members() const { return members_; }

 private:
  enum class State : uint8_t {
    value,
    first_item,
    first_key,
    key,
    colon,
    comma,
    string,
    escape,
    hex,
    number,
    word
  };
  bool accept(std::string_view text, char c);
  bool accept_structure(char c);
  bool begin_value(char c);
  bool open(char bracket);
  void close();
  void end_string();
  void end_value();

  State state_ = State::value;
  bool in_key_ = false;
  bool finished_ = false;
  int hex_left_ = 0;
  size_t position_;
  size_t word_begin_ = 0;
  std::vector<char> open_;  // '{' and '['
  std::vector<Member> members_;
};

}  // namespace tarn::text
