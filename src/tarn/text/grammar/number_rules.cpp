#include "tarn/text/grammar/number_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "tarn/base/error.h"

namespace tarn::text::grammar {
namespace {

constexpr int kIntegerDigits = 18;
constexpr int kDigits = 15;      // any two numerals of so many digits are different doubles
constexpr int kWholeDigits = 9;  // of those, where bounds need no more
constexpr uint64_t kMaxModulus = 1'000'000;

std::string digit_range(char first, char last) {
  return first == last ? std::string(1, first) : fmt::format("[{}-{}]", first, last);
}

// Patterns are joined by bars; "" stands for no text at all.
void add(std::string& patterns, std::string_view one) {
  if (!patterns.empty()) patterns.push_back('|');
  patterns.append(one);
}

// Digits, as many as `n` may be: "[0-9]{n}", or up to n.
std::string exactly(size_t n) { return n == 0 ? "" : fmt::format("[0-9]{{{}}}", n); }
std::string up_to(int n) { return n <= 0 ? "" : fmt::format("[0-9]{{0,{}}}", n); }

// Whole numerals of at most `most` digits below `bound`, and above it.
std::string whole_below(const std::string& bound) {
  std::string out;
  if (bound.size() > 1) {
    add(out, "0");
    add(out, fmt::format("[1-9][0-9]{{0,{}}}", bound.size() - 2));
  }
  for (size_t i = 0; i < bound.size(); ++i) {
    const char lowest = i == 0 && bound.size() > 1 ? '1' : '0';
    if (bound[i] <= lowest) continue;
    add(out, fmt::format("{}{}{}", bound.substr(0, i),
                         digit_range(lowest, static_cast<char>(bound[i] - 1)),
                         exactly(bound.size() - i - 1)));
  }
  return out;
}

std::string whole_above(const std::string& bound, int most) {
  std::string out;
  const int size = static_cast<int>(bound.size());
  if (size > most) return out;
  for (int i = 0; i < size; ++i) {
    if (bound[i] == '9') continue;
    add(out,
        fmt::format("{}{}{}", bound.substr(0, i), digit_range(static_cast<char>(bound[i] + 1), '9'),
                    exactly(static_cast<size_t>(size - i - 1))));
  }
  if (size < most) add(out, fmt::format("[1-9][0-9]{{{},{}}}", size, most - 1));
  return out;
}

// What may follow a whole part that equals the bound's: nothing, or a point and up to `most`
// digits.
std::string fraction_below(const std::string& bound, int most, bool or_equal) {
  std::string out;
  for (size_t i = 0; i < bound.size() && static_cast<int>(i) < most; ++i) {
    const std::string head = bound.substr(0, i);
    if (bound[i] > '0') {
      add(out, fmt::format("\\.{}{}{}", head, digit_range('0', static_cast<char>(bound[i] - 1)),
                           up_to(most - static_cast<int>(i) - 1)));
    }
    if (i > 0) add(out, fmt::format("\\.{}", head));
  }
  const std::string nothing = "(?:)";
  if (!bound.empty()) add(out, nothing);
  if (!or_equal) return out;
  const int zeros = most - static_cast<int>(bound.size());
  if (bound.empty()) {
    add(out, zeros > 0 ? fmt::format("(?:\\.0{{1,{}}})?", zeros) : nothing);
  } else if (most > 0) {
    add(out, fmt::format("\\.{}{}", bound, zeros > 0 ? fmt::format("0{{0,{}}}", zeros) : ""));
  }
  return out;
}

std::string fraction_above(const std::string& bound, int most, bool or_equal) {
  std::string out;
  const int size = static_cast<int>(bound.size());
  for (int i = 0; i < size && i < most; ++i) {
    if (bound[i] == '9') continue;
    add(out, fmt::format("\\.{}{}{}", bound.substr(0, i),
                         digit_range(static_cast<char>(bound[i] + 1), '9'), up_to(most - i - 1)));
  }
  for (int zeros = 0; size + zeros < most; ++zeros) {
    add(out, fmt::format("\\.{}{}[1-9]{}", bound, std::string(zeros, '0'),
                         up_to(most - size - zeros - 1)));
  }
  if (!or_equal) return out;
  if (bound.empty()) {
    add(out, most > 0 ? fmt::format("(?:\\.0{{1,{}}})?", most) : "(?:)");
  } else if (most > 0) {
    add(out,
        fmt::format("\\.{}{}", bound, most > size ? fmt::format("0{{0,{}}}", most - size) : ""));
  }
  return out;
}

struct Shape {
  int whole;     // digits
  int fraction;  // digits
};

std::string any_fraction(const Shape& shape) {
  return shape.fraction > 0 ? fmt::format("(?:\\.[0-9]{{1,{}}})?", shape.fraction) : "";
}

CharDfa none() { return CharDfa::of_strings({}); }

CharDfa of_pattern(const std::string& pattern) {
  return pattern.empty() ? none() : CharDfa::whole(parse_regex(pattern));
}

// Numerals without a sign that are at least, or at most, `bound`.
CharDfa at_least(const Decimal& bound, bool exclusive, const Shape& shape) {
  std::string out;
  if (const std::string whole = whole_above(bound.whole, shape.whole); !whole.empty()) {
    add(out, fmt::format("(?:{}){}", whole, any_fraction(shape)));
  }
  const std::string fraction = fraction_above(bound.fraction, shape.fraction, !exclusive);
  if (!fraction.empty() && static_cast<int>(bound.whole.size()) <= shape.whole) {
    add(out, fmt::format("{}(?:{})", bound.whole, fraction));
  }
  return of_pattern(out);
}

CharDfa at_most(const Decimal& bound, bool exclusive, const Shape& shape) {
  if (static_cast<int>(bound.whole.size()) > shape.whole) {
    return at_most({false, std::string(static_cast<size_t>(shape.whole), '9'),
                    std::string(static_cast<size_t>(shape.fraction), '9')},
                   false, shape);
  }
  std::string out;
  if (const std::string whole = whole_below(bound.whole); !whole.empty()) {
    add(out, fmt::format("(?:{}){}", whole, any_fraction(shape)));
  }
  const std::string fraction = fraction_below(bound.fraction, shape.fraction, !exclusive);
  if (!fraction.empty()) add(out, fmt::format("{}(?:{})", bound.whole, fraction));
  return of_pattern(out);
}

// Numerals whose size lies between two bounds that are not negative.
CharDfa magnitudes(const Bound& lower, const std::optional<Bound>& upper, const Shape& shape) {
  const CharDfa above = at_least(lower.value, lower.exclusive, shape);
  return upper ? above.intersected(at_most(upper->value, upper->exclusive, shape)) : above;
}

Bound magnitude(Bound bound) {
  bound.value.negative = false;
  return bound;
}

CharDfa with_sign(const CharDfa& positive, const CharDfa& negative) {
  std::vector<CharDfa::State> states = positive.states();
  if (states.empty()) states.resize(1);
  if (negative.empty()) return CharDfa::from_states(std::move(states));
  const auto base = static_cast<uint32_t>(states.size());
  for (CharDfa::State state : negative.states()) {
    for (CharDfa::Edge& edge : state.edges) edge.to += base;
    states.push_back(std::move(state));
  }
  states[0].edges.insert(states[0].edges.begin(), {'-', '-', base});
  return CharDfa::from_states(std::move(states));
}

CharDfa in_range(const NumberRange& range, const Shape& shape) {
  const Bound zero{};
  const Bound above_zero{{}, true};
  CharDfa positive = none();
  if (!range.upper || !range.upper->value.negative) {
    const bool from_zero = !range.lower || range.lower->value.negative;
    positive = magnitudes(from_zero ? zero : *range.lower, range.upper, shape);
  }
  CharDfa negative = none();
  if (!range.lower || range.lower->value.negative) {
    const bool from_zero = !range.upper || !range.upper->value.negative;
    std::optional<Bound> most;
    if (range.lower) most = magnitude(*range.lower);
    negative = magnitudes(from_zero ? above_zero : magnitude(*range.upper), most, shape);
  }
  return with_sign(positive, negative);
}

// Numerals that are multiples of `step`, of any size: the remainder of what was read so far, with
// the fraction's digits scaled to whole numbers.
CharDfa multiples_of(const Decimal& step) {
  const std::string digits = step.whole + step.fraction;
  const uint64_t places = step.fraction.size();
  uint64_t modulus = 0;
  for (const char digit : digits) {
    modulus = std::min<uint64_t>(modulus * 10 + static_cast<uint64_t>(digit - '0'), kMaxModulus);
  }
  const uint64_t count = modulus * (places + 1) + places + 2;
  if (modulus == 0 || count > CharDfa::kMaxStates) {
    fail(ErrorCode::unsupported, "multiples of this number take too many states");
  }
  // States: 0 start, 1 behind the sign, then (fraction digits read, remainder) and one state
  // behind the point for each remainder.
  std::vector<CharDfa::State> states(2 + modulus * (places + 2));
  const auto at = [&](uint64_t read, uint64_t remainder) {
    return static_cast<uint32_t>(2 + read * modulus + remainder);
  };
  const auto point = [&](uint64_t remainder) { return at(places + 1, remainder); };
  std::vector<uint64_t> scale(places + 1, 1 % modulus);  // of what was read, to whole numbers
  for (uint64_t i = places; i-- > 0;) scale[i] = scale[i + 1] * 10 % modulus;
  const auto add_digits = [&](CharDfa::State& state, uint64_t read, uint64_t remainder) {
    for (uint64_t digit = 0; digit < 10; ++digit) {
      const auto c = static_cast<char32_t>('0' + digit);
      state.edges.push_back({c, c, at(read, (remainder * 10 + digit) % modulus)});
    }
  };
  states[0].edges.push_back({'-', '-', 1});
  add_digits(states[0], 0, 0);
  add_digits(states[1], 0, 0);
  for (uint64_t remainder = 0; remainder < modulus; ++remainder) {
    for (uint64_t read = 0; read <= places; ++read) {
      CharDfa::State& state = states[at(read, remainder)];
      state.accepting = remainder * scale[read] % modulus == 0;
      if (read == 0 && places > 0) state.edges.push_back({'.', '.', point(remainder)});
      if (read == 0 || read < places) add_digits(state, read == 0 ? 0 : read + 1, remainder);
    }
    if (places > 0) add_digits(states[point(remainder)], 1, remainder);
  }
  return CharDfa::from_states(std::move(states));
}

CharDfa numerals(const NumberRange& range, const Shape& shape) {
  CharDfa out = in_range(range, shape);
  for (const Decimal& step : range.multiples) out = out.intersected(multiples_of(step));
  return out;
}

}  // namespace

std::optional<Decimal> Decimal::from_json(const ordered_json& number) {
  constexpr int64_t kMaxShift = 60;
  std::string text = number.dump();
  Decimal out;
  if (text.front() == '-') {
    out.negative = true;
    text.erase(0, 1);
  }
  int64_t exponent = 0;
  if (const size_t e = text.find_first_of("eE"); e != std::string::npos) {
    exponent = std::stoll(text.substr(e + 1));
    text.resize(e);
  }
  if (exponent > kMaxShift || exponent < -kMaxShift) return std::nullopt;
  size_t point = text.find('.');
  if (point == std::string::npos) {
    point = text.size();
  } else {
    text.erase(point, 1);
  }
  auto places = static_cast<int64_t>(point) + exponent;  // digits before the point
  if (places < 0) {
    text.insert(0, static_cast<size_t>(-places), '0');
    places = 0;
  }
  if (places > static_cast<int64_t>(text.size())) text.resize(static_cast<size_t>(places), '0');
  out.whole = text.substr(0, static_cast<size_t>(places));
  out.fraction = text.substr(static_cast<size_t>(places));
  out.whole.erase(0, std::min(out.whole.find_first_not_of('0'), out.whole.size()));
  if (out.whole.empty()) out.whole.assign(1, '0');
  while (!out.fraction.empty() && out.fraction.back() == '0') out.fraction.pop_back();
  if (out.zero()) out.negative = false;
  return out;
}

int compare(const Decimal& a, const Decimal& b) {
  if (a.negative != b.negative) return a.negative ? -1 : 1;
  int sizes = 0;
  if (a.whole.size() != b.whole.size()) {
    sizes = a.whole.size() < b.whole.size() ? -1 : 1;
  } else if (a.whole != b.whole) {
    sizes = a.whole < b.whole ? -1 : 1;
  } else if (a.fraction != b.fraction) {
    sizes = a.fraction < b.fraction ? -1 : 1;
  }
  return a.negative ? -sizes : sizes;
}

CharDfa integer_numerals(const NumberRange& range) { return numerals(range, {kIntegerDigits, 0}); }

CharDfa number_numerals(const NumberRange& range) {
  int whole = kWholeDigits;
  for (const auto& bound : {range.lower, range.upper}) {
    if (bound) whole = std::max(whole, static_cast<int>(bound->value.whole.size()));
  }
  whole = std::min(whole, kIntegerDigits);
  return numerals(range, {whole, std::max(0, kDigits - whole)});
}

}  // namespace tarn::text::grammar
