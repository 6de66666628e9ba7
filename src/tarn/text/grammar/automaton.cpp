#include "tarn/text/grammar/automaton.h"

#include <algorithm>

namespace tarn::text::grammar {

const Automaton::Counter& Automaton::counter_of(State state) const {
  const auto after =
      std::upper_bound(counters_.begin(), counters_.end(), state,
                       [](State at, const Counter& counter) { return at < counter.base; });
  return *(after - 1);
}

bool Automaton::counter_accepts(State state) const {
  const Counter& counter = counter_of(state);
  return state - counter.base >= counter.min;
}

bool Automaton::counter_is_full(State state) const {
  const Counter& counter = counter_of(state);
  return state - counter.base == counter.max;
}

const ByteSet& Automaton::counter_first(State state) const {
  static const ByteSet none;
  return counter_is_full(state) ? none : first_[counter_of(state).body];
}

State Automaton::representative(State state, uint32_t length) const {
  if (state < table_states_) return state;
  // Every count reads at least a byte, so a bound that is further away than `length` is not felt.
  const Counter& counter = counter_of(state);
  const uint32_t count = state - counter.base;
  if (counter.max != kUnbounded && counter.max - count <= length) return state;
  if (count >= counter.min) return counter.base + counter.min;
  return counter.min - count > length ? counter.base : state;
}

size_t Automaton::nbytes() const {
  return table_.size() * sizeof(State) + flags_.size() + call_begin_.size() * sizeof(uint32_t) +
         calls_.size() * sizeof(Call) + first_.size() * sizeof(ByteSet) +
         counters_.size() * sizeof(Counter);
}

}  // namespace tarn::text::grammar
