// Sets of stacks of states to return to, shared and interned: equal sets have equal ids.
#pragma once

#include <cstdint>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include "tarn/text/grammar/automaton.h"

namespace tarn::text::grammar {

// A set of stacks is a directed graph without circles: for each state that may be on top, once, the
// set of stacks below it. However ambiguous the grammar, it grows by one layer for a call. Belongs
// to one thread.
class Stacks {
 public:
  using Id = uint32_t;
  struct Frame {
    State state;  // to return to
    Id below;
    bool operator==(const Frame&) const = default;
  };
  static constexpr Id kBottom = 0;  // the set that holds the empty stack and no other

  Stacks();

  Id push(State state, Id below) {
    const Frame frame{state, below};
    return intern({&frame, 1}, false);
  }
  Id unite(Id a, Id b);

  std::span<const Frame> frames(Id id) const {
    return {frames_.data() + nodes_[id].begin, nodes_[id].count};
  }
  bool has_bottom(Id id) const { return nodes_[id].bottom; }  // holds the empty stack
  size_t size() const { return nodes_.size(); }
  uint64_t work() const { return work_; }  // frames that uniting has looked at so far

  // Copies set `id` of `from`; `known` maps what was copied already and is added to.
  Id copy(const Stacks& from, Id id, std::unordered_map<Id, Id>& known);

 private:
  struct Node {
    uint32_t begin;
    uint32_t count;
    uint32_t depth;
    bool bottom;
  };
  Id intern(std::span<const Frame> frames, bool bottom);
  void grow();

  std::vector<Node> nodes_;
  std::vector<Frame> frames_;
  std::vector<Id> buckets_;  // open addressing over nodes_, a power of two
  std::unordered_map<uint64_t, Id> unions_;
  uint64_t work_ = 0;
};

}  // namespace tarn::text::grammar
