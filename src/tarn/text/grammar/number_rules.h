// Which decimal numerals lie in a range or are multiples of something, as automata of their digits.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tarn/base/json.h"
#include "tarn/text/grammar/char_dfa.h"

namespace tarn::text::grammar {

// A decimal fraction, exactly: "12", "05" with `negative` is -12.05.
struct Decimal {
  bool negative = false;
  std::string whole = "0";  // no leading zeros but for "0" itself
  std::string fraction;     // no trailing zeros

  // Of a JSON number; a double counts as its shortest numeral. Nothing where it has more than 60
  // digits.
  static std::optional<Decimal> from_json(const ordered_json& number);
  bool zero() const { return whole == "0" && fraction.empty(); }
};
int compare(const Decimal& a, const Decimal& b);  // < 0, 0, > 0

struct Bound {
  Decimal value;
  bool exclusive = false;
};

struct NumberRange {
  std::optional<Bound> lower;
  std::optional<Bound> upper;
  std::vector<Decimal> multiples;  // of each of these, all positive
  bool unbounded() const { return !lower && !upper && multiples.empty(); }
};

// Numerals without exponents. Those of integers have at most 18 digits, others at most 15 (or as
// many as the bounds): so many that different numerals are different doubles, and a bound holds
// for the double too. Multiples that take too many states are ErrorCode::unsupported.
CharDfa integer_numerals(const NumberRange& range);
CharDfa number_numerals(const NumberRange& range);

}  // namespace tarn::text::grammar
