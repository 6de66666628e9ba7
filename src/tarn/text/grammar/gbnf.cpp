#include "tarn/text/grammar/gbnf.h"

#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "tarn/base/error.h"
#include "tarn/text/grammar/limits.h"
#include "tarn/text/grammar/scanner.h"
#include "tarn/text/unicode.h"

namespace tarn::text::grammar {
namespace {

bool is_name_char(char32_t c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_';
}

class Parser {
 public:
  Parser(std::string_view text, Expressions& out) : in_(text, "grammar", false), out_(out) {}

  Rule run(std::string_view root) {
    skip_space(true);
    while (!in_.at_end()) {
      rule();
      skip_space(true);
    }
    for (const Use& use : in_order_) {
      if (!out_.rule(use.rule).body) {
        in_.fail_at(use.pos, ErrorCode::invalid_argument,
                    fmt::format("rule \"{}\" is used and not defined", out_.rule(use.rule).name));
      }
    }
    const auto it = uses_.find(std::string(root));
    if (it == uses_.end()) {
      fail(ErrorCode::invalid_argument, "grammar: there is no rule \"{}\" to start with", root);
    }
    return it->second;
  }

 private:
  struct Use {
    Rule rule;
    size_t pos;  // where it was met first
  };

  // Spaces and comments; lines too if `lines`.
  void skip_space(bool lines) {
    for (;;) {
      const char32_t c = in_.peek();
      if (c == '#') {
        while (!in_.at_end() && in_.peek() != '\n') in_.take();
      } else if (c == ' ' || c == '\t' || (lines && (c == '\n' || c == '\r'))) {
        in_.take();
      } else {
        return;
      }
    }
  }

  std::string name() {
    const size_t begin = in_.pos();
    while (is_name_char(in_.peek())) in_.take();
    if (in_.pos() == begin) in_.fail_here("expected the name of a rule");
    return std::string(in_.since(begin));
  }

  Rule rule_named(const std::string& name, size_t pos) {
    const auto it = uses_.find(name);
    if (it != uses_.end()) return it->second;
    const Rule rule = out_.add_rule(name);
    uses_.emplace(name, rule);
    in_order_.push_back({rule, pos});
    return rule;
  }

  void rule() {
    const size_t begin = in_.pos();
    const std::string called = name();
    skip_space(false);
    if (!in_.starts_with("::=")) in_.fail_here(fmt::format("expected ::= after \"{}\"", called));
    in_.reset(in_.pos() + 3);
    const Rule rule = rule_named(called, begin);
    if (out_.rule(rule).body) {
      in_.fail_at(begin, ErrorCode::invalid_argument,
                  fmt::format("rule \"{}\" is defined twice", called));
    }
    skip_space(true);
    out_.define(rule, alternatives(0));
    if (!in_.at_end() && in_.peek() != '\n' && in_.peek() != '\r') {
      in_.fail_here("expected an element of a rule or the line's end");
    }
  }

  Expr alternatives(int depth) {
    if (depth > kMaxSyntaxDepth) {
      in_.fail_at(in_.pos(), ErrorCode::unsupported,
                  fmt::format("groups nested deeper than {} levels", kMaxSyntaxDepth));
    }
    std::vector<Expr> all;
    do {
      skip_space(depth > 0 || !all.empty());  // a line may end behind a bar
      all.push_back(sequence(depth));
    } while (next_alternative(depth));
    return out_.choice(std::move(all));
  }

  // Takes the bar, also from the beginning of the next line.
  bool next_alternative(int depth) {
    const size_t here = in_.pos();
    skip_space(true);
    if (in_.take_if('|')) return true;
    if (depth == 0) in_.reset(here);
    return false;
  }

  Expr sequence(int depth) {
    std::vector<Expr> parts;
    for (;;) {
      skip_space(depth > 0);
      const size_t begin = in_.pos();
      const char32_t c = in_.peek();
      if (c == '"') {
        parts.push_back(out_.literal(quoted()));
      } else if (c == '[') {
        parts.push_back(out_.chars(char_class()));
      } else if (c == '.') {
        in_.take();
        parts.push_back(out_.chars(CharSet::all()));
      } else if (c == '(') {
        in_.take();
        parts.push_back(alternatives(depth + 1));
        if (!in_.take_if(')')) in_.fail_here("expected ) or an element of a rule");
      } else if (is_name_char(c)) {
        const std::string called = name();
        if (depth == 0 && begins_rule()) {
          in_.fail_at(begin, ErrorCode::invalid_argument,
                      fmt::format("rule \"{}\" must begin on a line of its own", called));
        }
        parts.push_back(out_.call(rule_named(called, begin)));
      } else if (c == '<' || c == '!') {
        in_.fail_at(begin, ErrorCode::unsupported,
                    "tokens by name or number cannot be matched: write their text");
      } else if (c == '*' || c == '+' || c == '?' || c == '{') {
        if (parts.empty()) in_.fail_here("there is nothing to repeat");
        parts.back() = repeated(parts.back(), begin);
      } else {
        return out_.sequence(std::move(parts));
      }
    }
  }

  // Whether the name that was just read is followed by ::=.
  bool begins_rule() {
    const size_t here = in_.pos();
    skip_space(false);
    const bool defines = in_.starts_with("::=");
    in_.reset(here);
    return defines;
  }

  Expr repeated(Expr body, size_t begin) {
    uint32_t min = 0;
    uint32_t max = kUnbounded;
    switch (in_.take()) {
      case '*':
        break;
      case '+':
        min = 1;
        break;
      case '?':
        max = 1;
        break;
      default:
        skip_space(false);
        min = max = in_.take_number();
        skip_space(false);
        if (in_.take_if(',')) {
          skip_space(false);
          max = in_.peek() == '}' ? kUnbounded : in_.take_number();
          skip_space(false);
        }
        if (!in_.take_if('}')) in_.fail_here("expected } after the counts of a repetition");
    }
    if (max < min) in_.fail_at(begin, ErrorCode::invalid_argument, "the counts are out of order");
    if ((max == kUnbounded ? min : max) > kMaxRepetitions) {
      in_.fail_at(begin, ErrorCode::unsupported,
                  fmt::format("at most {} repetitions can be counted", kMaxRepetitions));
    }
    return out_.repeat(body, min, max);
  }

  std::string quoted() {
    const size_t begin = in_.pos();
    in_.take();
    std::string text;
    while (!in_.take_if('"')) {
      if (in_.at_end() || in_.peek() == '\n') {
        in_.fail_at(begin, ErrorCode::invalid_argument, "the quotation has no end");
      }
      append_char(text, character());
    }
    return text;
  }

  CharSet char_class() {
    const size_t begin = in_.pos();
    in_.take();
    const bool negated = in_.take_if('^');
    CharSet set;
    while (!in_.take_if(']')) {
      if (in_.at_end() || in_.peek() == '\n') {
        in_.fail_at(begin, ErrorCode::invalid_argument, "the character class has no end");
      }
      const size_t from = in_.pos();
      const char32_t first = character();
      char32_t last = first;
      if (in_.peek() == '-' && !in_.starts_with("-]")) {
        in_.take();
        last = character();
      }
      if (last < first) {
        in_.fail_at(from, ErrorCode::invalid_argument, "the range is out of order");
      }
      set.add(first, last);
    }
    return negated ? set.negated() : set;
  }

  char32_t character() {
    const size_t begin = in_.pos();
    const char32_t c = in_.take();
    if (c != '\\') {
      if (c == Scanner::kEnd) in_.fail_here("expected a character");
      return c;
    }
    char32_t escaped = in_.take();
    switch (escaped) {
      case 'n':
        return '\n';
      case 't':
        return '\t';
      case 'r':
        return '\r';
      case '"':
      case '\\':
      case '[':
      case ']':
      case '-':
      case '^':
        return escaped;
      case 'x':
        escaped = in_.take_hex(2);
        break;
      case 'u':
        escaped = in_.take_hex(4);
        break;
      case 'U':
        escaped = in_.take_hex(8);
        break;
      default:
        in_.fail_at(begin, ErrorCode::invalid_argument, "unknown escape");
    }
    if (escaped > 0x10FFFF || (escaped >= 0xD800 && escaped <= 0xDFFF)) {
      in_.fail_at(begin, ErrorCode::invalid_argument, "the escape names no character");
    }
    return escaped;
  }

  Scanner in_;
  Expressions& out_;
  std::unordered_map<std::string, Rule> uses_;
  std::vector<Use> in_order_;
};

}  // namespace

Rule add_gbnf(std::string_view text, std::string_view root, Expressions& expressions) {
  return Parser(text, expressions).run(root);
}

}  // namespace tarn::text::grammar
