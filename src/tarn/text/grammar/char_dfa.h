// Deterministic automata over characters: the algebra of what strings may be, before it is decided
// how their characters are written.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tarn/text/grammar/char_set.h"
#include "tarn/text/grammar/regex_tree.h"

namespace tarn::text::grammar {

// Operations that would take more than kMaxStates states are ErrorCode::unsupported.
class CharDfa {
 public:
  static constexpr size_t kMaxStates = 20'000;
  struct Edge {
    char32_t first;
    char32_t last;
    uint32_t to;
  };
  struct State {
    std::vector<Edge> edges;  // sorted, disjoint
    bool accepting = false;
  };

  // Texts all of which the expression matches, or those in which it finds a match.
  static CharDfa whole(const RegexNode& regex) { return from_regex(regex, false); }
  static CharDfa search(const RegexNode& regex) { return from_regex(regex, true); }
  static CharDfa of_length(uint32_t min, uint32_t max);  // in characters; max may be kUnbounded
  static CharDfa of_strings(const std::vector<std::string>& strings);
  static CharDfa from_states(std::vector<State> states);  // starts at 0

  CharDfa intersected(const CharDfa& other) const;
  CharDfa complement() const;
  bool accepts(std::string_view text) const;  // valid UTF-8
  bool empty() const;                         // accepts nothing

  const std::vector<State>& states() const { return states_; }  // starts at 0

 private:
  static CharDfa from_regex(const RegexNode& regex, bool search);
  void trim();
  std::vector<State> states_;
};

}  // namespace tarn::text::grammar
