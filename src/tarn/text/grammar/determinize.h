// The subset construction: from an Nfa to an automaton with at most one way for each byte and for
// each call.
#pragma once

#include <cstdint>
#include <vector>

#include "tarn/text/grammar/nfa.h"

namespace tarn::text::grammar {

struct Dfa {
  struct Edge {
    uint8_t first;
    uint8_t last;
    uint32_t to;
  };
  struct Call {
    uint32_t unit;
    uint32_t to;
  };
  struct State {
    std::vector<Edge> edges;  // sorted, disjoint
    std::vector<Call> calls;  // each unit once
    bool accepting = false;
  };
  std::vector<State> states;  // starts at 0
};

// At most `max_states`; more is ErrorCode::unsupported. States that behave alike are mostly
// one.
Dfa determinize(const Nfa& nfa, size_t max_states, StepBudget& budget);

}  // namespace tarn::text::grammar
