// Values as models write them outside of JSON: Python literals, and Gemma's notation. Internal to
// text/chat.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace tarn::text {

enum class LiteralSyntax : uint8_t {
  python,  // 'a', "b", r"c", """d""", 1_000, 0x1F, .5, True, None, [..], (..), {"k": ..}; also
           // true, false and null
  gemma,   // <|"|>text<|"|>, 1, 2.5, true, null, [..], {key:..}
};

// A whole literal as JSON text, objects as json.dumps writes them; nullopt: it is none.
std::optional<std::string> literal_to_json(std::string_view text, LiteralSyntax syntax);

// `KEY=VALUE, ..` (python; KEY an identifier) or `KEY:VALUE,..` (gemma) as a JSON object.
std::optional<std::string> arguments_to_json(std::string_view text, LiteralSyntax syntax);

// Finds the bracket that closes one which stands before the text. Each byte is looked at once.
class BracketScanner {
 public:
  enum class Status : uint8_t { more, done, bad };
  // closing: what closes the open bracket: ) ] or }
  BracketScanner(size_t begin, char closing, LiteralSyntax syntax)
      : position_(begin), syntax_(syntax), closing_(1, closing) {}
  // Reads on. `text` is what it was at the last call with more behind it.
  Status scan(std::string_view text);
  size_t position() const { return position_; }  // done: behind the bracket

 private:
  bool step(std::string_view text);

  size_t position_;
  LiteralSyntax syntax_;
  std::string closing_;       // of the brackets that are open
  std::string_view quote_{};  // of the string that is open
};

}  // namespace tarn::text
