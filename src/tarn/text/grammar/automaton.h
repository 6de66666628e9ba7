// A compiled grammar: one deterministic automaton of bytes a rule, whose states may also call
// rules. What is left to decide at run time is which call to make, and where to return to.
#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <string>
#include <vector>

#include "tarn/text/grammar/expressions.h"

namespace tarn::text::grammar {

using State = uint32_t;
inline constexpr State kNoState = UINT32_MAX;

using ByteSet = std::bitset<256>;

// Invariants: no rule is left-recursive; a call reads at least one byte (where the rule may be
// empty, its caller has a way around it); from every state some text leads to the rule's end.
class Automaton {
 public:
  struct Call {
    State entry;  // of the rule called
    State then;   // of the caller, once the rule has ended
  };
  // Counts how often a rule ran: a repetition without a state for each count. Its states are
  // numbers behind those of the tables: `base` + count.
  struct Counter {
    State base;
    uint32_t min;  // at least 1
    uint32_t max;  // kUnbounded: counts no further than `min`
    State body;    // entry of what is repeated
    uint32_t states() const { return (max == kUnbounded ? min : max) + 1; }
  };

  State start() const { return start_; }
  // The state behind `byte` within the rule, or kNoState.
  State next(State state, uint8_t byte) const {
    if (state >= table_states_) return kNoState;
    return table_[static_cast<size_t>(state) * classes_ + class_of_[byte]];
  }
  // The rule may end here.
  bool accepting(State state) const {
    return state < table_states_ ? (flags_[state] & kAccepting) != 0 : counter_accepts(state);
  }
  // The rule ends here: nothing more can be read in it.
  bool dead_end(State state) const {
    return state < table_states_ ? (flags_[state] & kDeadEnd) != 0 : counter_is_full(state);
  }
  bool has_calls(State state) const {
    return state >= table_states_ || call_begin_[state] != call_begin_[state + 1];
  }
  template <typename Visit>  // visit(Call)
  void for_each_call(State state, Visit&& visit) const {
    if (state >= table_states_) {
      const Counter& counter = counter_of(state);
      if (const uint32_t count = state - counter.base; counter.max != kUnbounded) {
        if (count < counter.max) visit(Call{counter.body, state + 1});
      } else {
        visit(Call{counter.body, count < counter.min ? state + 1 : state});
      }
      return;
    }
    for (uint32_t i = call_begin_[state]; i < call_begin_[state + 1]; ++i) visit(calls_[i]);
  }
  // Bytes that can be read in this state, by the rule itself or by what it calls.
  const ByteSet& first(State state) const {
    return state < table_states_ ? first_[state] : counter_first(state);
  }
  // A state that admits the same texts of up to `length` bytes.
  State representative(State state, uint32_t length) const;

  uint32_t table_states() const { return table_states_; }
  uint32_t byte_classes() const { return classes_; }
  // Bytes of one class lead to the same states everywhere.
  uint8_t byte_class(uint8_t byte) const { return class_of_[byte]; }
  const std::vector<Counter>& counters() const { return counters_; }
  const Counter& counter_of(State state) const;  // a state behind those of the tables
  size_t nbytes() const;

 private:
  friend class AutomatonBuilder;
  static constexpr uint8_t kAccepting = 1;
  static constexpr uint8_t kDeadEnd = 2;

  bool counter_accepts(State state) const;
  bool counter_is_full(State state) const;
  const ByteSet& counter_first(State state) const;

  State start_ = 0;
  uint32_t table_states_ = 0;
  uint32_t classes_ = 1;
  std::array<uint8_t, 256> class_of_{};
  std::vector<State> table_;  // by state and class of the byte
  std::vector<uint8_t> flags_;
  std::vector<uint32_t> call_begin_;
  std::vector<Call> calls_;
  std::vector<ByteSet> first_;
  std::vector<Counter> counters_;  // by base
};

// Compiles the rules that `root` needs. Left recursion, a rule without a body and grammars past the
// limits are ErrorCode::unsupported; a grammar that matches no text is invalid_argument.
Automaton compile(const Expressions& expressions, Rule root);

}  // namespace tarn::text::grammar
