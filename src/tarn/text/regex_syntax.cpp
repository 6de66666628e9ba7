#include "tarn/text/regex_syntax.h"

#include <array>
#include <cctype>
#include <optional>
#include <utility>
#include <vector>

#include "tarn/base/error.h"
#include "tarn/io/quote.h"
#include "tarn/text/unicode.h"

namespace tarn::text {
namespace {

// Members of sets, as they stand between brackets. PCRE2's own \s adds U+180E, its \w leaves out
// marks and connectors.
constexpr std::string_view kSpace =
    R"(\x09-\x0d\x20\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000})";
constexpr std::string_view kNotSpace =
    R"(\x00-\x08\x0e-\x1f\x21-\x{84}\x{86}-\x{9f}\x{a1}-\x{167f}\x{1681}-\x{1fff}\x{200b}-\x{2027})"
    R"(\x{202a}-\x{202e}\x{2030}-\x{205e}\x{2060}-\x{2fff}\x{3001}-\x{10ffff})";
constexpr std::string_view kWord = R"(\p{Alphabetic}\p{M}\p{Nd}\p{Pc})";
// Outside of sets Oniguruma decides by a table of its own below U+0100, where these are words too.
constexpr std::string_view kWordAlone =
    R"(\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\x{b2}\x{b3}\x{b9}\x{bc}-\x{be})";
constexpr std::string_view kHex = "0-9A-Fa-f";

struct NamedSet {
  std::string_view name;
  std::string_view members;
  bool negated = false;
};

// POSIX bracket names and \p{...} names that PCRE2 spells otherwise or defines otherwise.
constexpr std::array kNamedSets = {
    NamedSet{"alnum", R"(\p{Alphabetic}\p{Nd})"},
    NamedSet{"alpha", R"(\p{Alphabetic})"},
    NamedSet{"ascii", R"(\x00-\x7f)"},
    NamedSet{"blank", R"(\x09\p{Zs})"},
    NamedSet{"cntrl", R"(\p{Cc})"},
    NamedSet{"digit", R"(\p{Nd})"},
    NamedSet{"graph", R"(\p{Z}\x09-\x0d\x{85}\p{Cc}\p{Cn}\p{Cs})", true},
    NamedSet{"lower", R"(\p{Lowercase})"},
    NamedSet{"print", R"(\p{Cc}\p{Cn}\p{Cs})", true},
    NamedSet{"punct", R"(\p{P})"},
    NamedSet{"space", kSpace},
    NamedSet{"upper", R"(\p{Uppercase})"},
    NamedSet{"word", kWord},
    NamedSet{"xdigit", kHex},
    NamedSet{"any", R"(\x00-\x{10ffff})"},
    NamedSet{"letter", R"(\p{L})"},
    NamedSet{"uppercaseletter", R"(\p{Lu})"},
    NamedSet{"lowercaseletter", R"(\p{Ll})"},
    NamedSet{"titlecaseletter", R"(\p{Lt})"},
    NamedSet{"modifierletter", R"(\p{Lm})"},
    NamedSet{"otherletter", R"(\p{Lo})"},
    NamedSet{"mark", R"(\p{M})"},
    NamedSet{"nonspacingmark", R"(\p{Mn})"},
    NamedSet{"number", R"(\p{N})"},
    NamedSet{"decimalnumber", R"(\p{Nd})"},
    NamedSet{"punctuation", R"(\p{P})"},
    NamedSet{"symbol", R"(\p{S})"},
    NamedSet{"separator", R"(\p{Z})"},
    NamedSet{"other", R"(\p{C})"},
    NamedSet{"control", R"(\p{Cc})"},
};

// A set of characters: `members` between brackets, plus nested sets that could not be folded in.
struct CharSet {
  std::string members;
  std::vector<std::string> others;  // expressions that match one character each
  bool negated = false;

  // An expression that matches one character of the set.
  std::string expression() const {
    if (others.empty()) {
      if (members.empty()) return negated ? R"([\x00-\x{10ffff}])" : "(?!)";
      return fmt::format("[{}{}]", negated ? "^" : "", members);
    }
    std::string any;
    if (!members.empty()) any = fmt::format("[{}]", members);
    for (const std::string& other : others) {
      if (!any.empty()) any += '|';
      any += other;
    }
    if (negated) return fmt::format(R"((?:(?!{})[\x00-\x{{10ffff}}]))", any);
    return fmt::format("(?:{})", any);
  }
};

class Translator {
 public:
  Translator(std::string_view pattern, std::string_view where) : in_(pattern), where_(where) {}

  std::string run() {
    groups_.push_back({});
    while (pos_ < in_.size()) step();
    if (groups_.size() != 1) bad("a group is not closed");
    out_.append(groups_.back().option_groups, ')');
    if (lead_set_ && !top_alternation_) {
      // A pattern that opens with X+ finds its leftmost match right after a character that is not
      // X: saying so keeps a search over a long run of X linear.
      out_ = fmt::format("(?:\\G|(?<!{})){}", *lead_set_, out_);
    }
    return std::move(out_);
  }

 private:
  struct Group {
    size_t start = 0;          // where its opening stands in the output
    size_t option_groups = 0;  // (?i) without a colon opens a group that ends with this one
  };

  [[noreturn]] void bad(std::string_view why) const {
    fail(ErrorCode::corrupt, "{}: regular expression {}, byte {}: {}", where_, quote(in_), pos_,
         why);
  }
  [[noreturn]] void unsupported(std::string_view what) const {
    fail(ErrorCode::unsupported, "{}: regular expression {}, byte {}: {} is not supported", where_,
         quote(in_), pos_, what);
  }

  bool more(size_t n = 0) const { return pos_ + n < in_.size(); }
  char at(size_t n = 0) const { return more(n) ? in_[pos_ + n] : '\0'; }
  bool looking_at(std::string_view s) const { return in_.substr(pos_).starts_with(s); }

  void begin_atom() { atom_ = out_.size(); }

  void step() {
    const char c = at();
    if (c == '\\') {
      begin_atom();
      escape();
    } else if (c == '[') {
      begin_atom();
      emit_set(char_set(0).expression());
    } else if (c == '(') {
      open_group();
    } else if (c == ')') {
      close_group();
    } else if (c == '|') {
      if (groups_.size() == 1) top_alternation_ = true;
      out_ += c;
      ++pos_;
      atom_.reset();
    } else if (atom_ && quantifier()) {
    } else if (c == '{') {
      begin_atom();
      out_ += "\\{";
      ++pos_;
    } else {
      begin_atom();
      const size_t n = char_bytes(c);
      out_ += in_.substr(pos_, n);
      pos_ += n;
    }
  }

  void emit_set(const std::string& set) {
    if (out_.empty()) first_set_ = set;
    out_ += set;
  }

  // --- quantifiers ---

  std::optional<std::string> interval() {
    size_t i = pos_ + 1;
    std::string low;
    std::string high;
    bool comma = false;
    for (; i < in_.size() && in_[i] != '}'; ++i) {
      if (in_[i] == ',' && !comma) {
        comma = true;
      } else if (std::isdigit(static_cast<unsigned char>(in_[i])) != 0) {
        (comma ? high : low) += in_[i];
      } else {
        return std::nullopt;
      }
    }
    if (i >= in_.size() || (low.empty() && high.empty())) return std::nullopt;
    pos_ = i + 1;
    return fmt::format("{{{}{}{}}}", low.empty() ? "0" : low, comma ? "," : "", high);
  }

  bool quantifier() {
    const char c = at();
    std::string text;
    bool counted = false;
    if (c == '*' || c == '+' || c == '?') {
      text = c;
      ++pos_;
    } else if (c == '{') {
      const auto counts = interval();
      if (!counts) return false;
      text = *counts;
      counted = true;
    } else {
      return false;
    }
    if (quantified_ == out_.size()) {  // a quantifier on a quantified atom
      out_.insert(*atom_, "(?:");
      out_ += ')';
    }
    const bool lead = *atom_ == 0 && text == "+" && first_set_ && out_ == *first_set_;
    out_ += text;
    if (at() == '?' && !(counted && text.find(',') == std::string::npos)) {
      out_ += '?';
      ++pos_;
    } else if (at() == '+' && !counted) {  // {n,m}+ is a repeated repeat, not a possessive one
      out_ += '+';
      ++pos_;
    } else if (lead) {
      lead_set_ = first_set_;
    }
    quantified_ = out_.size();
    return true;
  }

  // --- groups ---

  void open_group() {
    const Group group{out_.size(), 0};
    if (looking_at("(*")) unsupported("(*...)");
    if (looking_at("(?")) {
      if (looking_at("(?#")) {
        const size_t end = in_.find(')', pos_);
        if (end == std::string_view::npos) bad("a comment is not closed");
        pos_ = end + 1;
        return;
      }
      static constexpr std::array<std::string_view, 6> kKinds = {"(?:", "(?=",  "(?!",
                                                                 "(?>", "(?<=", "(?<!"};
      for (const std::string_view kind : kKinds) {
        if (!looking_at(kind)) continue;
        out_ += kind;
        pos_ += kind.size();
        groups_.push_back(group);
        atom_.reset();
        return;
      }
      if (looking_at("(?<") || looking_at("(?'") || looking_at("(?(")) {
        out_ += in_.substr(pos_, 3);
        pos_ += 3;
        const char closing = out_.back() == '<' ? '>' : out_.back() == '\'' ? '\'' : ')';
        while (more() && at() != closing) out_ += in_[pos_++];
        if (!more()) bad("a group's name is not closed");
        out_ += in_[pos_++];
        groups_.push_back(group);
        atom_.reset();
        return;
      }
      options(group);
      return;
    }
    out_ += '(';
    ++pos_;
    groups_.push_back(group);
    atom_.reset();
  }

  void options(Group group) {
    pos_ += 2;
    std::string flags;
    while (more() && at() != ':' && at() != ')') {
      const char c = in_[pos_++];
      if (c == 'm') {
        flags += 's';  // Oniguruma's m lets the dot match newlines
      } else if (c == 'i' || c == 'x' || c == '-') {
        flags += c;
      } else {
        --pos_;
        unsupported("this group or option");
      }
    }
    if (!more()) bad("a group is not closed");
    out_ += fmt::format("(?{}:", flags);
    if (in_[pos_++] == ':') {
      groups_.push_back(group);
    } else {
      ++groups_.back().option_groups;
    }
    atom_.reset();
  }

  void close_group() {
    if (groups_.size() == 1) bad("a parenthesis closes no group");
    out_.append(groups_.back().option_groups, ')');
    out_ += ')';
    ++pos_;
    atom_ = groups_.back().start;
    groups_.pop_back();
  }

  // --- escapes ---

  static std::string lower_name(std::string_view name) {
    std::string out;
    for (const char c : name) {
      if (c == ' ' || c == '_' || c == '-') continue;
      out += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    }
    return out;
  }

  // Members of the property at `pos_` (after \p or \P); `negated` is flipped as the text says.
  std::string property(bool& negated) {
    if (at() != '{') bad("\\p must be followed by a name in braces");
    const size_t end = in_.find('}', pos_);
    if (end == std::string_view::npos) bad("a property's name is not closed");
    std::string_view name = in_.substr(pos_ + 1, end - pos_ - 1);
    pos_ = end + 1;
    if (name.starts_with('^')) {
      negated = !negated;
      name.remove_prefix(1);
    }
    const std::string key = lower_name(name);
    for (const NamedSet& set : kNamedSets) {
      if (set.name != key) continue;
      negated = negated != set.negated;
      return std::string(set.members);
    }
    for (const char c : name) {
      if (std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '_' && c != ' ' && c != '-') {
        bad("a property's name holds something other than letters");
      }
    }
    // PCRE2 reads a bare script name as script extensions, Oniguruma as the script itself.
    if (key.size() > 2) {
      std::string script = fmt::format("\\p{{sc:{}}}", key);
      if (pcre2_accepts(script)) return script;
    }
    std::string plain = fmt::format("\\p{{{}}}", name);
    if (!pcre2_accepts(plain)) bad(fmt::format("unknown property {}", plain));
    return plain;
  }

  char32_t hex(size_t max_digits) {
    char32_t value = 0;
    size_t digits = 0;
    while (digits < max_digits && std::isxdigit(static_cast<unsigned char>(at())) != 0) {
      const char c = static_cast<char>(std::tolower(static_cast<unsigned char>(in_[pos_++])));
      value = value * 16 + static_cast<char32_t>(c <= '9' ? c - '0' : c - 'a' + 10);
      ++digits;
    }
    if (value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF)) bad("not a character");
    return value;
  }

  static std::string code_point(char32_t c) { return fmt::format("\\x{{{:x}}}", uint32_t{c}); }

  // The escape at `pos_` as a set of characters, when it is one. Moves past it only then.
  std::optional<CharSet> escape_set() {
    CharSet set;
    const char c = at(1);
    const auto take = [&](std::string_view members, bool negated) {
      pos_ += 2;
      set.members = members;
      set.negated = negated;
      return set;
    };
    switch (c) {
      case 's':
        return take(kSpace, false);
      case 'S':
        return take(kNotSpace, false);
      case 'w':
        return take(kWord, false);
      case 'W':
        return take(kWord, true);
      case 'd':
        return take("\\p{Nd}", false);
      case 'D':
        return take("\\P{Nd}", false);
      case 'h':
        return take(kHex, false);
      case 'H':
        return take(kHex, true);
      case 'p':
      case 'P': {
        pos_ += 2;
        bool negated = c == 'P';
        set.members = property(negated);
        set.negated = negated;
        // One property can carry its own negation, which keeps sets flat.
        if (negated && set.members.find('\\', 1) == std::string::npos &&
            set.members.starts_with("\\p{")) {
          set.members[1] = 'P';
          set.negated = false;
        }
        return set;
      }
      default:
        return std::nullopt;
    }
  }

  // The escape at `pos_` as one character, when it is one. Moves past it only then.
  std::optional<std::string> escape_char() {
    const char c = at(1);
    const auto take = [&](char32_t value) {
      pos_ += 2;
      return code_point(value);
    };
    switch (c) {
      case 't':
        return take('\t');
      case 'n':
        return take('\n');
      case 'r':
        return take('\r');
      case 'f':
        return take('\f');
      case 'v':
        return take('\v');
      case 'a':
        return take('\a');
      case 'e':
        return take(0x1B);
      case '0': {
        pos_ += 1;
        char32_t value = 0;
        for (int i = 0; i < 3 && at() >= '0' && at() <= '7'; ++i) {
          value = value * 8 + static_cast<char32_t>(in_[pos_++] - '0');
        }
        return code_point(value);
      }
      case 'u':
        pos_ += 2;
        return code_point(hex(4));
      case 'x':
        pos_ += 2;
        if (at() == '{') {
          ++pos_;
          const char32_t value = hex(8);
          if (at() != '}') bad("\\x{ is not closed");
          ++pos_;
          return code_point(value);
        }
        return code_point(hex(2));
      default:
        break;
    }
    if (std::isalnum(static_cast<unsigned char>(c)) != 0) return std::nullopt;
    ++pos_;
    size_t i = pos_;
    const char32_t value = next_char(in_, i);
    pos_ = i;
    return code_point(value);
  }

  void escape() {
    if (!more(1)) bad("the pattern ends in a backslash");
    if (at(1) == 'w' || at(1) == 'W') {
      const bool negated = at(1) == 'W';
      pos_ += 2;
      return emit_set(fmt::format("[{}{}]", negated ? "^" : "", kWordAlone));
    }
    if (const auto set = escape_set()) return emit_set(set->expression());
    if (const auto one = escape_char()) return emit_set(*one);
    const char c = at(1);
    const std::string word = fmt::format("[{}]", kWordAlone);
    switch (c) {
      case 'b':
        out_ += fmt::format("(?:(?<={0})(?!{0})|(?<!{0})(?={0}))", word);
        break;
      case 'B':
        out_ += fmt::format("(?:(?<={0})(?={0})|(?<!{0})(?!{0}))", word);
        break;
      case 'O':
        out_ += R"([\x00-\x{10ffff}])";
        break;
      case 'A':
      case 'Z':
      case 'z':
      case 'G':
      case 'K':
      case 'N':
      case 'R':
      case 'X':
        out_ += {'\\', c};
        break;
      case 'k':
      case 'g': {
        const size_t end = in_.find('>', pos_);
        if (at(2) != '<' || end == std::string_view::npos) bad("a reference has no name");
        out_ += in_.substr(pos_, end + 1 - pos_);
        pos_ = end + 1;
        return;
      }
      case 'y':
      case 'Y':
      case 'c':
      case 'C':
      case 'M':
        unsupported(fmt::format("\\{}", c));
      default:
        if (c >= '1' && c <= '9') {
          out_ += "(?:\\";
          ++pos_;
          while (std::isdigit(static_cast<unsigned char>(at())) != 0) out_ += in_[pos_++];
          out_ += ')';
          return;
        }
        out_ += c;  // an escaped letter without a meaning is the letter
    }
    pos_ += 2;
  }

  // --- sets ---

  // The set at `pos_`, which stands on its opening bracket.
  CharSet char_set(int depth) {
    if (depth > 16) bad("sets are nested too deep");
    ++pos_;
    CharSet set;
    if (at() == '^') {
      set.negated = true;
      ++pos_;
    }
    std::vector<std::string> intersected;
    bool first = true;
    while (true) {
      if (!more()) bad("a set is not closed");
      if (at() == ']' && !first) break;
      if (looking_at("&&")) {
        pos_ += 2;
        const bool negated = std::exchange(set.negated, false);
        intersected.push_back(set.expression());
        set = CharSet{};
        set.negated = negated;
        continue;
      }
      member(set, depth);
      first = false;
    }
    ++pos_;
    if (intersected.empty()) return set;
    const bool negated = std::exchange(set.negated, false);
    std::string both = "(?:";
    for (const std::string& one : intersected) both += fmt::format("(?={})", one);
    both += set.expression();
    both += ')';
    CharSet out;
    out.others.push_back(both);
    out.negated = negated;
    return out;
  }

  static void merge(CharSet& set, const CharSet& nested) {
    if (nested.negated) {
      set.others.push_back(nested.expression());
    } else {
      set.members += nested.members;
      set.others.insert(set.others.end(), nested.others.begin(), nested.others.end());
    }
  }

  void member(CharSet& set, int depth) {
    if (looking_at("[:")) {
      const size_t end = in_.find(":]", pos_ + 2);
      if (end != std::string_view::npos) {
        std::string_view name = in_.substr(pos_ + 2, end - pos_ - 2);
        const bool negated = name.starts_with('^');
        if (negated) name.remove_prefix(1);
        for (const NamedSet& named : kNamedSets) {
          if (named.name != name) continue;
          pos_ = end + 2;
          CharSet nested;
          nested.members = named.members;
          if (name == "punct") nested.members += "$+<=>\\^`|~";  // but not for \\p{Punct}
          nested.negated = negated != named.negated;
          return merge(set, nested);
        }
      }
    }
    if (at() == '[') return merge(set, char_set(depth + 1));
    if (at() == '\\') {
      if (!more(1)) bad("the pattern ends in a backslash");
      if (const auto nested = escape_set()) {
        if (at() == '-' && at(1) != ']') {
          set.members += "\\-";
          ++pos_;
        }
        return merge(set, *nested);
      }
    }
    set.members += set_char();
    if (at() == '-' && more(1) && at(1) != ']' && !in_.substr(pos_ + 1).starts_with("&&")) {
      ++pos_;
      if (at() == '[') {
        set.members += "\\-";
      } else {
        set.members += '-';
        set.members += set_char();
      }
    }
  }

  std::string set_char() {
    if (at() == '\\') {
      if (!more(1)) bad("the pattern ends in a backslash");
      if (at(1) == 'b') {
        pos_ += 2;
        return code_point('\b');
      }
      if (const auto one = escape_char()) return *one;
      ++pos_;
    }
    size_t i = pos_;
    const char32_t c = next_char(in_, i);
    pos_ = i;
    return code_point(c);
  }

  std::string_view in_;
  std::string_view where_;
  size_t pos_ = 0;
  std::string out_;
  std::vector<Group> groups_;
  std::optional<size_t> atom_;             // where what a quantifier would repeat begins
  size_t quantified_ = std::string::npos;  // the output's length after the last quantifier
  std::optional<std::string> first_set_;   // the pattern's first item, when it is a set
  std::optional<std::string> lead_set_;    // the same, once it is known to be repeated with +
  bool top_alternation_ = false;
};

}  // namespace

std::string pcre2_pattern(std::string_view pattern, std::string_view where) {
  return Translator(pattern, where).run();
}

}  // namespace tarn::text
