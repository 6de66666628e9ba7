#include "tarn/text/grammar/determinize.h"

#include <algorithm>
#include <map>
#include <unordered_map>
#include <utility>

#include "tarn/base/error.h"

namespace tarn::text::grammar {
namespace {

using Set = std::vector<uint32_t>;  // sorted

struct SetHash {
  size_t operator()(const Set& set) const {
    size_t hash = set.size();
    for (const uint32_t one : set) hash = (hash ^ one) * 0x9E3779B97F4A7C15U;
    return hash ^ (hash >> 29);
  }
};

class SubsetConstruction {
 public:
  SubsetConstruction(const Nfa& nfa, size_t max_states, StepBudget& budget)
      : nfa_(nfa), max_states_(max_states), budget_(budget), seen_(nfa.states.size()) {}

  Dfa run() {
    Set start{Nfa::kStart};
    close(start);
    state_of(std::move(start));
    for (size_t i = 0; i < dfa_.states.size(); ++i) expand(i);
    return std::move(dfa_);
  }

 private:
  // Adds what is reached without reading.
  void close(Set& set) {
    ++stamp_;
    for (const uint32_t one : set) seen_[one] = stamp_;
    for (size_t i = 0; i < set.size(); ++i) {
      const auto& empty = nfa_.states[set[i]].empty;
      budget_.spend(empty.size() + 1);
      for (const uint32_t to : empty) {
        if (std::exchange(seen_[to], stamp_) != stamp_) set.push_back(to);
      }
    }
    // Only states that do something tell sets apart.
    std::erase_if(set, [&](uint32_t one) {
      const Nfa::State& state = nfa_.states[one];
      return one != Nfa::kEnd && state.edges.empty() && state.calls.empty();
    });
    std::sort(set.begin(), set.end());
  }

  uint32_t state_of(Set set) {
    const auto [it, fresh] = known_.try_emplace(std::move(set), dfa_.states.size());
    if (fresh) {
      if (dfa_.states.size() >= max_states_) {
        fail(ErrorCode::unsupported,
             "grammar: it takes more than {} states; make it smaller or less ambiguous",
             max_states_);
      }
      dfa_.states.emplace_back();
      sets_.push_back(&it->first);
    }
    return it->second;
  }

  uint32_t closed_state_of(Set targets) {
    std::sort(targets.begin(), targets.end());
    targets.erase(std::unique(targets.begin(), targets.end()), targets.end());
    const auto it = closures_.find(targets);
    if (it != closures_.end()) return it->second;
    Set closed = targets;
    close(closed);
    const uint32_t state = state_of(std::move(closed));
    closures_.emplace(std::move(targets), state);
    return state;
  }

  void expand(size_t at) {
    const Set& set = *sets_[at];
    std::vector<Nfa::Edge> edges;
    std::map<uint32_t, Set> calls;
    bool accepting = false;
    for (const uint32_t one : set) {
      const Nfa::State& state = nfa_.states[one];
      budget_.spend(state.edges.size() + state.calls.size() + 1);
      accepting = accepting || one == Nfa::kEnd;
      edges.insert(edges.end(), state.edges.begin(), state.edges.end());
      for (const Nfa::Call& call : state.calls) calls[call.unit].push_back(call.to);
    }
    dfa_.states[at].accepting = accepting;
    for (auto& [unit, targets] : calls) {
      const uint32_t to = closed_state_of(std::move(targets));
      dfa_.states[at].calls.push_back({unit, to});
    }
    add_edges(at, std::move(edges));
  }

  void add_edges(size_t at, std::vector<Nfa::Edge> edges) {
    std::vector<int> borders;
    for (const Nfa::Edge& edge : edges) {
      borders.push_back(edge.first);
      borders.push_back(edge.last + 1);
    }
    std::sort(borders.begin(), borders.end());
    borders.erase(std::unique(borders.begin(), borders.end()), borders.end());
    std::sort(edges.begin(), edges.end(),
              [](const auto& a, const auto& b) { return a.first < b.first; });
    std::vector<Nfa::Edge> active;
    auto next = edges.begin();
    for (size_t i = 0; i + 1 < borders.size(); ++i) {
      while (next != edges.end() && next->first <= borders[i]) active.push_back(*next++);
      std::erase_if(active, [&](const Nfa::Edge& edge) { return edge.last < borders[i]; });
      if (active.empty()) continue;
      budget_.spend(active.size());
      Set targets;
      for (const Nfa::Edge& edge : active) targets.push_back(edge.to);
      const uint32_t to = closed_state_of(std::move(targets));
      auto& out = dfa_.states[at].edges;
      const auto first = static_cast<uint8_t>(borders[i]);
      const auto last = static_cast<uint8_t>(borders[i + 1] - 1);
      if (!out.empty() && out.back().to == to && out.back().last + 1 == first) {
        out.back().last = last;
      } else {
        out.push_back({first, last, to});
      }
    }
  }

  const Nfa& nfa_;
  const size_t max_states_;
  StepBudget& budget_;
  std::vector<uint64_t> seen_;
  uint64_t stamp_ = 0;
  std::unordered_map<Set, uint32_t, SetHash> known_;     // closed sets
  std::unordered_map<Set, uint32_t, SetHash> closures_;  // by what was closed
  std::vector<const Set*> sets_;                         // by state
  Dfa dfa_;
};

// Moore's partition refinement: blocks of states that nothing tells apart so far. Long chains take
// it many rounds; what is not done within its steps stays as it is.
Dfa minimize(Dfa dfa) {
  constexpr uint64_t kMaxSteps = 1'000'000;
  uint64_t steps = 0;
  std::vector<uint32_t> block(dfa.states.size());
  size_t blocks = 0;
  for (;;) {
    std::unordered_map<Set, uint32_t, SetHash> known;
    std::vector<uint32_t> refined(dfa.states.size());
    for (size_t i = 0; i < dfa.states.size(); ++i) {
      const Dfa::State& state = dfa.states[i];
      steps += state.edges.size() + state.calls.size() + 1;
      if (steps > kMaxSteps) return dfa;
      Set signature{block[i], state.accepting ? 1U : 0U};
      for (size_t e = 0; e < state.edges.size(); ++e) {
        const Dfa::Edge& edge = state.edges[e];
        const uint32_t to = block[edge.to];
        // Neighbouring ranges that lead to one block count as one range.
        if (e > 0 && state.edges[e - 1].last + 1 == edge.first && signature.back() == to) {
          signature[signature.size() - 2] = edge.last;
          continue;
        }
        signature.insert(signature.end(), {edge.first, edge.last, to});
      }
      signature.push_back(UINT32_MAX);
      for (const Dfa::Call& call : state.calls) {
        signature.insert(signature.end(), {call.unit, block[call.to]});
      }
      refined[i] = known.try_emplace(std::move(signature), known.size()).first->second;
    }
    block = std::move(refined);
    if (known.size() == blocks) break;
    blocks = known.size();
  }
  Dfa out;  // blocks are numbered as they appear, so the start stays 0
  out.states.resize(blocks);
  std::vector<uint8_t> done(blocks);
  for (size_t i = 0; i < dfa.states.size(); ++i) {
    if (std::exchange(done[block[i]], 1) != 0) continue;
    Dfa::State& state = out.states[block[i]];
    state.accepting = dfa.states[i].accepting;
    for (const Dfa::Edge& edge : dfa.states[i].edges) {
      const uint32_t to = block[edge.to];
      if (!state.edges.empty() && state.edges.back().to == to &&
          state.edges.back().last + 1 == edge.first) {
        state.edges.back().last = edge.last;
      } else {
        state.edges.push_back({edge.first, edge.last, to});
      }
    }
    for (const Dfa::Call& call : dfa.states[i].calls) {
      state.calls.push_back({call.unit, block[call.to]});
    }
  }
  return out;
}

}  // namespace

Dfa determinize(const Nfa& nfa, size_t max_states, StepBudget& budget) {
  return minimize(SubsetConstruction(nfa, max_states, budget).run());
}

}  // namespace tarn::text::grammar
