// How far a text is from its end: what lets an answer under a limit of tokens end in time.
#pragma once

#include <cstdint>
#include <vector>

#include "tarn/text/grammar/automaton.h"
#include "tarn/text/grammar/runner.h"
#include "tarn/text/grammar/stacks.h"

namespace tarn::text::grammar {

using Distance = uint32_t;                       // in bytes
inline constexpr Distance kTooFar = UINT32_MAX;  // there is no way, or a longer one than fits

// Saturates.
inline Distance add(Distance a, Distance b) { return a > kTooFar - b ? kTooFar : a + b; }

// The least number of bytes that lead from a state to where its rule may end. Immutable.
// `automaton` must outlive it.
class Distances {
 public:
  // Texts are made of `bytes` alone. Takes time linear in the automaton, but for a logarithm.
  Distances(const Automaton& automaton, const ByteSet& bytes);

  Distance operator[](State state) const {
    return state < by_state_.size() ? by_state_[state] : of_counter(state);
  }

 private:
  Distance of_counter(State state) const;

  const Automaton* automaton_;
  std::vector<Distance> by_state_;
};

// The least number of bytes from a position of one runner to the end of the text. Remembers what
// it knows of the runner's stacks, so that a position takes time by its items alone. Belongs to one
// thread. `distances` must outlive it.
class DistanceToEnd {
 public:
  explicit DistanceToEnd(const Distances& distances) : distances_(&distances) {}

  Distance operator()(const Runner& runner, const Position& position);
  // Once whatever called has been returned to.
  Distance behind(const Runner& runner, Stacks::Id stacks);
  // The runner's stacks are numbered anew: Runner::compact() was true.
  void forget() { by_stacks_.clear(); }

 private:
  const Distances* distances_;
  std::vector<Distance> by_stacks_;
};

}  // namespace tarn::text::grammar
