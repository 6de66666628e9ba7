#include "tarn/text/grammar/regex_tree.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "tarn/base/error.h"
#include "tarn/text/grammar/expressions.h"
#include "tarn/text/grammar/limits.h"
#include "tarn/text/grammar/scanner.h"

namespace tarn::text::grammar {
namespace {

using Kind = RegexNode::Kind;

const CharSet kDigits{{'0', '9'}};
const CharSet kWordChars{{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
const CharSet kSpaces{{0x09, 0x0D},     {0x20, 0x20},     {0xA0, 0xA0},     {0x1680, 0x1680},
                      {0x2000, 0x200A}, {0x2028, 0x2029}, {0x202F, 0x202F}, {0x205F, 0x205F},
                      {0x3000, 0x3000}, {0xFEFF, 0xFEFF}};
const CharSet kLineEnds{{'\n', '\n'}, {'\r', '\r'}, {0x2028, 0x2029}};

RegexNode chars_node(CharSet set) {
  RegexNode node{Kind::chars};
  node.chars = std::move(set);
  return node;
}

class Parser {
 public:
  explicit Parser(std::string_view pattern) : in_(pattern, "pattern", true) {}

  RegexNode run() {
    RegexNode node = alternatives(0);
    if (!in_.at_end()) in_.fail_here("there is no group to close");
    return node;
  }

 private:
  [[noreturn]] void unsupported(size_t pos, std::string_view what) const {
    in_.fail_at(pos, ErrorCode::unsupported, fmt::format("{} is not supported", what));
  }

  RegexNode alternatives(int depth) {
    if (depth > kMaxSyntaxDepth) unsupported(in_.pos(), "nesting groups this deep");
    RegexNode all{Kind::choice};
    do {
      all.children.push_back(sequence(depth));
    } while (in_.take_if('|'));
    return all.children.size() == 1 ? std::move(all.children.front()) : all;
  }

  RegexNode sequence(int depth) {
    RegexNode all{Kind::sequence};
    while (!in_.at_end() && in_.peek() != '|' && in_.peek() != ')') {
      const size_t begin = in_.pos();
      RegexNode one = atom(depth);
      const bool anchor = one.kind == Kind::text_start || one.kind == Kind::text_end;
      if (const auto counts = quantifier()) {
        if (anchor) in_.fail_at(begin, ErrorCode::invalid_argument, "an anchor is repeated");
        RegexNode repeat{Kind::repeat};
        std::tie(repeat.min, repeat.max) = *counts;
        repeat.children.push_back(std::move(one));
        one = std::move(repeat);
      }
      all.children.push_back(std::move(one));
    }
    return all.children.size() == 1 ? std::move(all.children.front()) : all;
  }

  std::optional<std::pair<uint32_t, uint32_t>> quantifier() {
    const size_t begin = in_.pos();
    std::pair<uint32_t, uint32_t> counts{0, kUnbounded};
    switch (in_.peek()) {
      case '*':
        in_.take();
        break;
      case '+':
        in_.take();
        counts.first = 1;
        break;
      case '?':
        in_.take();
        counts.second = 1;
        break;
      case '{':
        if (!counts_in_braces(counts)) return std::nullopt;
        break;
      default:
        return std::nullopt;
    }
    in_.take_if('?');  // lazy: the same texts match
    if (counts.second < counts.first) {
      in_.fail_at(begin, ErrorCode::invalid_argument, "the counts are out of order");
    }
    if ((counts.second == kUnbounded ? counts.first : counts.second) > kMaxRepetitions) {
      in_.fail_at(begin, ErrorCode::unsupported,
                  fmt::format("at most {} repetitions can be counted", kMaxRepetitions));
    }
    return counts;
  }

  // False, with nothing taken, where the brace stands for itself.
  bool counts_in_braces(std::pair<uint32_t, uint32_t>& counts) {
    const size_t begin = in_.pos();
    const auto is_digit = [&] { return in_.peek() >= '0' && in_.peek() <= '9'; };
    in_.take();
    if (is_digit()) {
      counts.first = counts.second = in_.take_number();
      if (in_.take_if(',')) counts.second = is_digit() ? in_.take_number() : kUnbounded;
      if (in_.take_if('}')) return true;
    }
    in_.reset(begin);
    return false;
  }

  RegexNode atom(int depth) {
    const size_t begin = in_.pos();
    const char32_t c = in_.take();
    switch (c) {
      case '^':
        return {Kind::text_start};
      case '$':
        return {Kind::text_end};
      case '.':
        return chars_node(kLineEnds.negated());
      case '[':
        return chars_node(char_class(begin));
      case '(':
        return group(begin, depth);
      case '\\':
        return chars_node(escape(begin, false));
      case '*':
      case '+':
      case '?':
        in_.fail_at(begin, ErrorCode::invalid_argument, "there is nothing to repeat");
      default:
        return chars_node(CharSet{{c, c}});
    }
  }

  RegexNode group(size_t begin, int depth) {
    if (in_.take_if('?')) {
      if (in_.starts_with("=") || in_.starts_with("!") || in_.starts_with("<=") ||
          in_.starts_with("<!")) {
        unsupported(begin, "look-around");
      }
      if (in_.take_if('<')) {
        while (!in_.at_end() && in_.peek() != '>') in_.take();
        if (!in_.take_if('>')) in_.fail_here("expected > after the name of a group");
      } else if (!in_.take_if(':')) {
        unsupported(begin, "this kind of group");
      }
    }
    RegexNode node = alternatives(depth + 1);
    if (!in_.take_if(')')) {
      in_.fail_at(begin, ErrorCode::invalid_argument, "the group has no end");
    }
    return node;
  }

  CharSet char_class(size_t begin) {
    const bool negated = in_.take_if('^');
    CharSet set;
    while (!in_.take_if(']')) {
      if (in_.at_end()) {
        in_.fail_at(begin, ErrorCode::invalid_argument, "the character class has no end");
      }
      const size_t from = in_.pos();
      const CharSet first = class_member();
      if (in_.peek() != '-' || in_.starts_with("-]")) {
        set.add(first);
        continue;
      }
      in_.take();
      if (in_.at_end()) continue;
      const CharSet last = class_member();
      const auto one = [](const CharSet& chars) {
        return chars.ranges().size() == 1 && chars.ranges()[0].first == chars.ranges()[0].last;
      };
      if (!one(first) || !one(last)) {  // [\w-.]: the hyphen stands for itself
        set.add(first);
        set.add('-');
        set.add(last);
        continue;
      }
      if (last.ranges()[0].first < first.ranges()[0].first) {
        in_.fail_at(from, ErrorCode::invalid_argument, "the range is out of order");
      }
      set.add(first.ranges()[0].first, last.ranges()[0].first);
    }
    return negated ? set.negated() : set;
  }

  CharSet class_member() {
    const size_t begin = in_.pos();
    const char32_t c = in_.take();
    return c == '\\' ? escape(begin, true) : CharSet{{c, c}};
  }

  CharSet escape(size_t begin, bool in_class) {
    const char32_t c = in_.take();
    switch (c) {
      case 'd':
        return kDigits;
      case 'D':
        return kDigits.negated();
      case 'w':
        return kWordChars;
      case 'W':
        return kWordChars.negated();
      case 's':
        return kSpaces;
      case 'S':
        return kSpaces.negated();
      case 'b':
        if (!in_class) unsupported(begin, "a word boundary (\\b)");
        return CharSet{{8, 8}};
      case 'B':
        unsupported(begin, "a word boundary (\\B)");
      case 'k':
        unsupported(begin, "a back-reference");
      case 'p':
      case 'P':
        unsupported(begin, "a Unicode property (\\p)");
      case Scanner::kEnd:
        in_.fail_at(begin, ErrorCode::invalid_argument, "the escape has no end");
      default:
        break;
    }
    if (c >= '1' && c <= '9') unsupported(begin, "a back-reference");
    const char32_t one = escaped_char(begin, c);
    if (one > 0x10FFFF || (one >= 0xD800 && one <= 0xDFFF)) {
      in_.fail_at(begin, ErrorCode::invalid_argument, "the escape names no character");
    }
    return CharSet{{one, one}};
  }

  char32_t escaped_char(size_t begin, char32_t c) {
    switch (c) {
      case 't':
        return '\t';
      case 'n':
        return '\n';
      case 'v':
        return '\v';
      case 'f':
        return '\f';
      case 'r':
        return '\r';
      case '0':
        return 0;
      case 'x':
        return in_.take_hex(2);
      case 'c': {
        const char32_t letter = in_.take() | 0x20;
        if (letter < 'a' || letter > 'z') in_.fail_here("expected a letter after \\c");
        return letter - 'a' + 1;
      }
      case 'u': {
        if (in_.take_if('{')) {
          char32_t value = 0;
          do {
            value = std::min<char32_t>(value * 16 + in_.take_hex(1), 0x110000);
          } while (!in_.take_if('}'));
          return value;
        }
        const char32_t high = in_.take_hex(4);
        if (high < 0xD800 || high > 0xDBFF || !in_.starts_with("\\u")) return high;
        in_.reset(in_.pos() + 2);
        const char32_t low = in_.take_hex(4);
        if (low < 0xDC00 || low > 0xDFFF) return high;
        return 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
      }
      default:
        break;
    }
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) unsupported(begin, "this escape");
    return c;
  }

  Scanner in_;
};

}  // namespace

bool RegexNode::has_anchor() const {
  return kind == Kind::text_start || kind == Kind::text_end ||
         std::any_of(children.begin(), children.end(),
                     [](const RegexNode& child) { return child.has_anchor(); });
}

RegexNode parse_regex(std::string_view pattern) { return Parser(pattern).run(); }

}  // namespace tarn::text::grammar
