#include "tarn/text/grammar/runner.h"

#include <algorithm>
#include <utility>

#include "tarn/base/error.h"

namespace tarn::text::grammar {
namespace {

constexpr uint64_t kNoPair = UINT64_MAX;

size_t slot_of(uint64_t pair, size_t size) {
  const uint64_t hash = pair * 0x9E3779B97F4A7C15U;
  return (hash ^ (hash >> 32)) & (size - 1);
}

void put(std::vector<uint64_t>& table, uint64_t pair) {
  size_t at = slot_of(pair, table.size());
  while (table[at] != kNoPair) at = (at + 1) & (table.size() - 1);
  table[at] = pair;
}

}  // namespace

bool Runner::Seen::insert(State state, Stacks::Id stacks) {
  const uint64_t pair = uint64_t{state} << 32 | stacks;
  if (pairs_.size() < kLinear) {
    if (std::find(pairs_.begin(), pairs_.end(), pair) != pairs_.end()) return false;
    pairs_.push_back(pair);
    return true;
  }
  if (table_.size() < 2 * (pairs_.size() + 1)) {
    table_.assign(std::max<size_t>(4 * kLinear, table_.size() * 2), kNoPair);
    for (const uint64_t known : pairs_) put(table_, known);
  }
  size_t at = slot_of(pair, table_.size());
  for (; table_[at] != kNoPair; at = (at + 1) & (table_.size() - 1)) {
    if (table_[at] == pair) return false;
  }
  table_[at] = pair;
  pairs_.push_back(pair);
  return true;
}

void Runner::spend(uint64_t steps) {
  if (steps > steps_) {
    fail(ErrorCode::unsupported,
         "grammar: too ambiguous: following all its ways takes too long; make rules begin with "
         "different text");
  }
  steps_ -= steps;
}

void Runner::start(State state, Position& out) {
  out.clear();
  seen_arrivals_.clear();
  arrive(state, Stacks::kBottom, out);
  finish_arrivals(out);
}

void Runner::return_to(Stacks::Id stacks, Position& out) {
  out.clear();
  seen_arrivals_.clear();
  out.ended = stacks_.has_bottom(stacks);
  for (const Stacks::Frame& frame : stacks_.frames(stacks)) arrive(frame.state, frame.below, out);
  finish_arrivals(out);
}

void Runner::arrive(State state, Stacks::Id stacks, Position& out) {
  if (automaton_->accepting(state)) arrivals_.push_back({state, stacks});
  if (automaton_->dead_end(state)) return;
  const auto at =
      std::lower_bound(out.items.begin(), out.items.end(), state,
                       [](const Position::Item& item, State s) { return item.state < s; });
  if (at != out.items.end() && at->state == state) {
    const uint64_t before = stacks_.work();
    at->stacks = stacks_.unite(at->stacks, stacks);
    spend(stacks_.work() - before);
  } else {
    out.items.insert(at, {state, stacks});
  }
}

// Where a rule may have ended, its callers go on too.
void Runner::finish_arrivals(Position& out) {
  while (!arrivals_.empty()) {
    const Position::Item item = arrivals_.back();
    arrivals_.pop_back();
    if (!seen_arrivals_.insert(item.state, item.stacks)) continue;
    out.ended = out.ended || stacks_.has_bottom(item.stacks);
    const size_t count = stacks_.frames(item.stacks).size();
    spend(count);
    for (size_t i = 0; i < count; ++i) {
      const Stacks::Frame frame = stacks_.frames(item.stacks)[i];  // arrive() may move them
      arrive(frame.state, frame.below, out);
    }
  }
}

void Runner::advance(const Position& from, uint8_t byte, Position& to) {
  to.clear();
  if (from.items.size() == 1) {  // the common case: inside one rule
    const Position::Item& item = from.items.front();
    if (!automaton_->has_calls(item.state)) {
      spend(1);
      const State next = automaton_->next(item.state, byte);
      if (next == kNoState) return;
      if (!automaton_->accepting(next)) {
        to.items.push_back({next, item.stacks});
        return;
      }
    }
  }
  seen_calls_.clear();
  seen_arrivals_.clear();
  arrivals_.clear();
  calls_.assign(from.items.rbegin(), from.items.rend());
  while (!calls_.empty()) {
    const Position::Item item = calls_.back();
    calls_.pop_back();
    spend(1);
    if (!automaton_->first(item.state).test(byte)) continue;
    const State next = automaton_->next(item.state, byte);
    if (next != kNoState) arrive(next, item.stacks, to);
    automaton_->for_each_call(item.state, [&](const Automaton::Call& call) {
      if (!automaton_->first(call.entry).test(byte)) return;
      // Nothing is left to do in the caller behind its last call: that one returns past it.
      const Stacks::Id stacks =
          automaton_->dead_end(call.then) ? item.stacks : stacks_.push(call.then, item.stacks);
      if (seen_calls_.insert(call.entry, stacks)) calls_.push_back({call.entry, stacks});
    });
    finish_arrivals(to);
  }
}

ByteSet Runner::first(const Position& position) const {
  ByteSet out;
  for (const Position::Item& item : position.items) out |= automaton_->first(item.state);
  return out;
}

bool Runner::compact(Position& position) {
  if (stacks_.size() < compact_at_) return false;
  Stacks kept;
  std::unordered_map<Stacks::Id, Stacks::Id> known;
  for (Position::Item& item : position.items) {
    item.stacks = kept.copy(stacks_, item.stacks, known);
  }
  stacks_ = std::move(kept);
  compact_at_ = std::max(kCompactAt, 2 * stacks_.size());
  return true;
}

}  // namespace tarn::text::grammar
