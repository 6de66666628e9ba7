#include "tarn/text/grammar/distances.h"

#include <algorithm>
#include <functional>
#include <queue>
#include <span>
#include <utility>

namespace tarn::text::grammar {
namespace {

Distance times(uint32_t count, Distance distance) {
  const uint64_t product = uint64_t{count} * distance;
  return product > kTooFar ? kTooFar : static_cast<Distance>(product);
}

// Items by key, in one piece.
template <typename Item>
class Grouped {
 public:
  template <typename ForEach>  // for_each(visit(key, item)), called twice with the same result
  Grouped(uint32_t keys, ForEach&& for_each) : begin_(keys + 1, 0) {
    for_each([&](uint32_t key, const Item&) { ++begin_[key]; });
    uint32_t sum = 0;
    for (uint32_t& one : begin_) one = sum += one;
    items_.resize(sum);
    for_each([&](uint32_t key, const Item& item) { items_[--begin_[key]] = item; });
  }
  std::span<const Item> operator[](uint32_t key) const {
    return {items_.data() + begin_[key], items_.data() + begin_[key + 1]};
  }

 private:
  std::vector<uint32_t> begin_;
  std::vector<Item> items_;
};

// Knuth's generalization of Dijkstra's algorithm. Nodes are the states of the tables, then the
// counters, each as it is called. A state is as far as the nearest of its bytes and calls leaves
// it; a call is as far as the sum of what it calls and where it returns to, and a counter as far
// as its least count of bodies. Each is at least as far as any of its parts, so nodes become known
// from near to far.
class Search {
 public:
  Search(const Automaton& automaton, const ByteSet& bytes)
      : automaton_(automaton),
        states_(automaton.table_states()),
        nodes_(states_ + static_cast<uint32_t>(automaton.counters().size())),
        distance_(nodes_, kTooFar),
        known_(nodes_, 0),
        by_byte_(nodes_, [&](auto&& visit) { for_each_byte(bytes, visit); }),
        by_call_(nodes_, [&](auto&& visit) { for_each_call(visit); }),
        by_counter_(nodes_, [&](auto&& visit) {
          for (uint32_t i = states_; i < nodes_; ++i) visit(counter(i).body, i);
        }) {}

  std::vector<Distance> run() {
    for (State state = 0; state < states_; ++state) {
      if (automaton_.accepting(state)) improve(state, 0);
    }
    while (!pending_.empty()) {
      const auto [distance, node] = pending_.top();
      pending_.pop();
      if (std::exchange(known_[node], 1) != 0) continue;
      for (const uint32_t user : by_byte_[node]) improve(user, add(distance, 1));
      for (const Call& call : by_call_[node]) {
        if (known_[call.other] != 0) improve(call.user, add(distance, distance_[call.other]));
      }
      for (const uint32_t user : by_counter_[node]) {
        improve(user, times(counter(user).min, distance));
      }
    }
    distance_.resize(states_);
    return std::move(distance_);
  }

 private:
  struct Call {
    uint32_t user;
    uint32_t other;  // what is called, seen from where it returns to, and the reverse
  };

  const Automaton::Counter& counter(uint32_t node) const {
    return automaton_.counters()[node - states_];
  }

  // The node of the entry of a rule.
  uint32_t node_of(State entry) const {
    if (entry < states_) return entry;
    const auto& counters = automaton_.counters();
    const auto at = std::lower_bound(
        counters.begin(), counters.end(), entry,
        [](const Automaton::Counter& one, State state) { return one.base < state; });
    return states_ + static_cast<uint32_t>(at - counters.begin());
  }

  template <typename Visit>
  void for_each_byte(const ByteSet& bytes, Visit&& visit) const {
    std::vector<uint8_t> one_of_each_class;
    for (unsigned byte = 0; byte < 256; ++byte) {
      if (!bytes.test(byte)) continue;
      const auto same = [&](uint8_t known) {
        return automaton_.byte_class(known) == automaton_.byte_class(static_cast<uint8_t>(byte));
      };
      if (std::none_of(one_of_each_class.begin(), one_of_each_class.end(), same)) {
        one_of_each_class.push_back(static_cast<uint8_t>(byte));
      }
    }
    for (State state = 0; state < states_; ++state) {
      State last = kNoState;
      for (const uint8_t byte : one_of_each_class) {
        const State next = automaton_.next(state, byte);
        if (next == kNoState || next == last) continue;
        visit(next, state);
        last = next;
      }
    }
  }

  template <typename Visit>
  void for_each_call(Visit&& visit) const {
    for (State state = 0; state < states_; ++state) {
      automaton_.for_each_call(state, [&](const Automaton::Call& call) {
        const uint32_t called = node_of(call.entry);
        visit(called, Call{state, call.then});
        visit(call.then, Call{state, called});
      });
    }
  }

  void improve(uint32_t node, Distance distance) {
    if (distance >= distance_[node]) return;
    distance_[node] = distance;
    pending_.emplace(distance, node);
  }

  using Pending = std::pair<Distance, uint32_t>;

  const Automaton& automaton_;
  const uint32_t states_;
  const uint32_t nodes_;
  std::vector<Distance> distance_;
  std::vector<uint8_t> known_;
  // Who reads a byte, calls or counts, by what is behind that.
  const Grouped<uint32_t> by_byte_;
  const Grouped<Call> by_call_;
  const Grouped<uint32_t> by_counter_;
  std::priority_queue<Pending, std::vector<Pending>, std::greater<>> pending_;
};

}  // namespace

Distances::Distances(const Automaton& automaton, const ByteSet& bytes)
    : automaton_(&automaton), by_state_(Search(automaton, bytes).run()) {}

Distance Distances::of_counter(State state) const {
  const Automaton::Counter& counter = automaton_->counter_of(state);
  const uint32_t count = state - counter.base;
  return count < counter.min ? times(counter.min - count, by_state_[counter.body]) : 0;
}

Distance DistanceToEnd::behind(const Runner& runner, Stacks::Id id) {
  const Stacks& stacks = runner.stacks();
  // What lies below a set of stacks has a smaller number.
  for (auto next = static_cast<Stacks::Id>(by_stacks_.size()); next <= id; ++next) {
    Distance least = stacks.has_bottom(next) ? 0 : kTooFar;
    for (const Stacks::Frame& frame : stacks.frames(next)) {
      least = std::min(least, add((*distances_)[frame.state], by_stacks_[frame.below]));
    }
    by_stacks_.push_back(least);
  }
  return by_stacks_[id];
}

Distance DistanceToEnd::operator()(const Runner& runner, const Position& position) {
  if (position.ended) return 0;
  Distance least = kTooFar;
  for (const Position::Item& item : position.items) {
    least = std::min(least, add((*distances_)[item.state], behind(runner, item.stacks)));
  }
  return least;
}

}  // namespace tarn::text::grammar
