#include "tarn/text/grammar/char_dfa.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "tarn/base/error.h"
#include "tarn/text/grammar/expressions.h"
#include "tarn/text/unicode.h"

namespace tarn::text::grammar {
namespace {

[[noreturn]] void too_large() {
  fail(ErrorCode::unsupported,
       "the patterns and lengths of a string take more than {} states together; make them simpler",
       CharDfa::kMaxStates);
}

struct Nfa {
  enum class Condition : uint8_t { none, at_start, at_end };
  struct Empty {
    uint32_t to;
    Condition condition;
  };
  struct State {
    std::vector<std::pair<CharSet, uint32_t>> edges;
    std::vector<Empty> empty;
  };
  std::vector<State> states;

  uint32_t add_state() {
    if (states.size() >= 4 * CharDfa::kMaxStates) too_large();
    states.emplace_back();
    return static_cast<uint32_t>(states.size() - 1);
  }
  void skip(uint32_t from, uint32_t to, Condition condition = Condition::none) {
    states[from].empty.push_back({to, condition});
  }

  void add(const RegexNode& node, uint32_t from, uint32_t to) {
    using Kind = RegexNode::Kind;
    switch (node.kind) {
      case Kind::chars:
        states[from].edges.emplace_back(node.chars, to);
        return;
      case Kind::text_start:
        return skip(from, to, Condition::at_start);
      case Kind::text_end:
        return skip(from, to, Condition::at_end);
      case Kind::choice:
        for (const RegexNode& child : node.children) {
          const uint32_t begin = add_state();
          skip(from, begin);
          add(child, begin, to);
        }
        return;
      case Kind::sequence: {
        uint32_t at = from;
        for (const RegexNode& child : node.children) {
          const uint32_t next = add_state();
          add(child, at, next);
          at = next;
        }
        return skip(at, to);
      }
      case Kind::repeat:
        return add_repeat(node, from, to);
    }
  }

  void add_repeat(const RegexNode& node, uint32_t from, uint32_t to) {
    uint32_t at = add_state();
    skip(from, at);
    const uint32_t written = node.max == kUnbounded ? node.min : node.max;
    for (uint32_t i = 0; i < written; ++i) {
      if (i >= node.min) skip(at, to);
      const uint32_t next = add_state();
      add(node.children.front(), at, next);
      at = next;
    }
    if (node.max == kUnbounded) {
      const uint32_t loop = add_state();
      skip(at, loop);
      add(node.children.front(), loop, loop);
      at = loop;
    }
    skip(at, to);
  }
};

using Set = std::vector<uint32_t>;

void close(const Nfa& nfa, Set& set, bool at_start, bool at_end) {
  std::vector<uint8_t> seen(nfa.states.size());
  for (const uint32_t one : set) seen[one] = 1;
  for (size_t i = 0; i < set.size(); ++i) {
    for (const Nfa::Empty& empty : nfa.states[set[i]].empty) {
      if (empty.condition == Nfa::Condition::at_start && !at_start) continue;
      if (empty.condition == Nfa::Condition::at_end && !at_end) continue;
      if (std::exchange(seen[empty.to], 1) == 0) set.push_back(empty.to);
    }
  }
  std::sort(set.begin(), set.end());
}

// Edges from many (range, target) pairs: for each stretch between borders, make(targets).
template <typename Make>
std::vector<CharDfa::Edge> merged_edges(const std::vector<CharDfa::Edge>& raw, Make&& make) {
  std::vector<char32_t> borders;
  for (const CharDfa::Edge& edge : raw) {
    borders.push_back(edge.first);
    borders.push_back(edge.last + 1);
  }
  std::sort(borders.begin(), borders.end());
  borders.erase(std::unique(borders.begin(), borders.end()), borders.end());
  std::vector<CharDfa::Edge> out;
  for (size_t i = 0; i + 1 < borders.size(); ++i) {
    Set targets;
    for (const CharDfa::Edge& edge : raw) {
      if (edge.first <= borders[i] && borders[i] <= edge.last) targets.push_back(edge.to);
    }
    if (targets.empty()) continue;
    std::sort(targets.begin(), targets.end());
    targets.erase(std::unique(targets.begin(), targets.end()), targets.end());
    const uint32_t to = make(std::move(targets));
    if (!out.empty() && out.back().to == to && out.back().last + 1 == borders[i]) {
      out.back().last = borders[i + 1] - 1;
    } else {
      out.push_back({borders[i], borders[i + 1] - 1, to});
    }
  }
  return out;
}

}  // namespace

CharDfa CharDfa::from_regex(const RegexNode& regex, bool search) {
  Nfa nfa;
  const uint32_t start = nfa.add_state();
  const uint32_t begin = nfa.add_state();
  const uint32_t end = nfa.add_state();
  nfa.skip(start, begin);
  nfa.add(regex, begin, end);
  if (search) {
    nfa.states[start].edges.emplace_back(CharSet::all(), start);
    nfa.states[end].edges.emplace_back(CharSet::all(), end);
  }
  CharDfa out;
  std::map<Set, uint32_t> known;
  std::vector<Set> sets;
  const auto state_of = [&](Set set, bool at_start) {
    Set last = set;
    close(nfa, last, at_start, true);
    close(nfa, set, at_start, false);
    const auto [it, fresh] = known.try_emplace(set, out.states_.size());
    if (fresh) {
      if (out.states_.size() >= kMaxStates) too_large();
      out.states_.emplace_back();
      out.states_.back().accepting = std::binary_search(last.begin(), last.end(), end);
      sets.push_back(std::move(set));
    }
    return it->second;
  };
  state_of({start}, true);
  // The beginning is met once: a set that looks the same later on may accept otherwise.
  known.clear();
  uint64_t steps = 0;
  for (uint32_t i = 0; i < out.states_.size(); ++i) {
    std::vector<Edge> raw;
    for (const uint32_t one : sets[i]) {
      for (const auto& [chars, to] : nfa.states[one].edges) {
        for (const CharSet::Range& range : chars.ranges()) {
          raw.push_back({range.first, range.last, to});
        }
      }
    }
    steps += nfa.states.size() + raw.size() * raw.size();
    if (steps > 1'000'000'000) too_large();
    out.states_[i].edges =
        merged_edges(raw, [&](Set targets) { return state_of(std::move(targets), false); });
  }
  out.trim();
  return out;
}

CharDfa CharDfa::of_length(uint32_t min, uint32_t max) {
  const uint32_t last = max == kUnbounded ? min : max;
  if (last >= kMaxStates) too_large();
  CharDfa out;
  out.states_.resize(last + 1);
  for (uint32_t i = 0; i <= last; ++i) {
    out.states_[i].accepting = i >= min;
    if (i < last) out.states_[i].edges = {{0, 0x10FFFF, i + 1}};
  }
  if (max == kUnbounded) out.states_[last].edges = {{0, 0x10FFFF, last}};
  return out;
}

CharDfa CharDfa::of_strings(const std::vector<std::string>& strings) {
  CharDfa out;
  out.states_.resize(1);
  for (const std::string& text : strings) {
    uint32_t at = 0;
    for (size_t pos = 0; pos < text.size();) {
      const char32_t c = next_char(text, pos);
      auto& edges = out.states_[at].edges;
      auto it = std::lower_bound(edges.begin(), edges.end(), c,
                                 [](const Edge& edge, char32_t x) { return edge.first < x; });
      if (it == edges.end() || it->first != c) {
        if (out.states_.size() >= kMaxStates) too_large();
        it = edges.insert(it, {c, c, static_cast<uint32_t>(out.states_.size())});
        at = it->to;
        out.states_.emplace_back();
      } else {
        at = it->to;
      }
    }
    out.states_[at].accepting = true;
  }
  return out;
}

CharDfa CharDfa::from_states(std::vector<State> states) {
  CharDfa out;
  out.states_ = std::move(states);
  out.trim();
  return out;
}

CharDfa CharDfa::intersected(const CharDfa& other) const {
  CharDfa out;
  if (states_.empty() || other.states_.empty()) return out;
  std::map<std::pair<uint32_t, uint32_t>, uint32_t> known;
  std::vector<std::pair<uint32_t, uint32_t>> pairs;
  const auto state_of = [&](uint32_t a, uint32_t b) {
    const auto [it, fresh] = known.try_emplace({a, b}, out.states_.size());
    if (fresh) {
      if (out.states_.size() >= kMaxStates) too_large();
      out.states_.emplace_back();
      out.states_.back().accepting = states_[a].accepting && other.states_[b].accepting;
      pairs.emplace_back(a, b);
    }
    return it->second;
  };
  state_of(0, 0);
  for (uint32_t i = 0; i < out.states_.size(); ++i) {
    const auto [a, b] = pairs[i];
    const auto& x = states_[a].edges;
    const auto& y = other.states_[b].edges;
    for (size_t j = 0, k = 0; j < x.size() && k < y.size();) {
      const char32_t first = std::max(x[j].first, y[k].first);
      const char32_t last = std::min(x[j].last, y[k].last);
      if (first <= last) {
        const uint32_t to = state_of(x[j].to, y[k].to);
        out.states_[i].edges.push_back({first, last, to});
      }
      x[j].last < y[k].last ? ++j : ++k;
    }
  }
  out.trim();
  return out;
}

CharDfa CharDfa::complement() const {
  CharDfa out = *this;
  if (out.states_.empty()) out.states_.resize(1);
  const auto sink = static_cast<uint32_t>(out.states_.size());
  out.states_.emplace_back();
  for (State& state : out.states_) {
    state.accepting = !state.accepting;
    std::vector<Edge> all;
    char32_t next = 0;
    for (const Edge& edge : state.edges) {
      if (edge.first > next) all.push_back({next, edge.first - 1, sink});
      all.push_back(edge);
      next = edge.last + 1;
    }
    if (next <= 0x10FFFF) all.push_back({next, 0x10FFFF, sink});
    state.edges = std::move(all);
  }
  out.trim();
  return out;
}

bool CharDfa::accepts(std::string_view text) const {
  if (states_.empty()) return false;
  uint32_t at = 0;
  for (size_t pos = 0; pos < text.size();) {
    const char32_t c = next_char(text, pos);
    const auto& edges = states_[at].edges;
    const auto it = std::lower_bound(edges.begin(), edges.end(), c,
                                     [](const Edge& edge, char32_t x) { return edge.last < x; });
    if (it == edges.end() || it->first > c) return false;
    at = it->to;
  }
  return states_[at].accepting;
}

bool CharDfa::empty() const {
  return std::none_of(states_.begin(), states_.end(),
                      [](const State& state) { return state.accepting; });
}

// Leaves out states from which nothing is accepted.
void CharDfa::trim() {
  std::vector<std::vector<uint32_t>> before(states_.size());
  std::vector<uint8_t> useful(states_.size());
  std::vector<uint32_t> pending;
  for (uint32_t i = 0; i < states_.size(); ++i) {
    for (const Edge& edge : states_[i].edges) before[edge.to].push_back(i);
    if (states_[i].accepting) {
      useful[i] = 1;
      pending.push_back(i);
    }
  }
  while (!pending.empty()) {
    const uint32_t at = pending.back();
    pending.pop_back();
    for (const uint32_t from : before[at]) {
      if (std::exchange(useful[from], 1) == 0) pending.push_back(from);
    }
  }
  if (!useful.empty()) useful[0] = 1;
  std::vector<uint32_t> moved(states_.size());
  std::vector<State> kept;
  for (uint32_t i = 0; i < states_.size(); ++i) {
    if (useful[i] == 0) continue;
    moved[i] = static_cast<uint32_t>(kept.size());
    kept.push_back(std::move(states_[i]));
  }
  for (State& state : kept) {
    std::erase_if(state.edges, [&](const Edge& edge) { return useful[edge.to] == 0; });
    for (Edge& edge : state.edges) edge.to = moved[edge.to];
  }
  states_ = std::move(kept);
}

}  // namespace tarn::text::grammar
