// Regular expressions of ECMA 262, as far as they describe regular languages.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "tarn/text/grammar/char_set.h"

namespace tarn::text::grammar {

struct RegexNode {
  enum class Kind { chars, sequence, choice, repeat, text_start, text_end };
  Kind kind = Kind::sequence;
  CharSet chars = {};
  std::vector<RegexNode> children = {};
  uint32_t min = 0;
  uint32_t max = 0;  // kUnbounded: no limit

  bool has_anchor() const;
};

// Look-around, back-references, word boundaries, properties and flags are ErrorCode::unsupported,
// what is no pattern invalid_argument; both name the column.
RegexNode parse_regex(std::string_view pattern);

}  // namespace tarn::text::grammar
