#include "tarn/text/grammar/token_masks.h"

#include <algorithm>
#include <numeric>

#include "tarn/text/grammar/limits.h"

namespace tarn::text::grammar {

void StateMask::add_to(std::span<uint32_t> mask) const {
  for (size_t i = 0; i < words.size(); ++i) mask[i] |= words[i];
  for (const int32_t id : ids) mask[static_cast<size_t>(id) / 32] |= 1U << (id % 32);
}

Distance StateMask::farthest(Distance state) const {
  if (!growth || state == kTooFar) return kTooFar;
  return static_cast<Distance>(std::clamp<int64_t>(state + *growth, 0, kTooFar));
}

std::shared_ptr<const StateMask> MaskCache::find(State state) {
  const std::lock_guard lock(mutex_);
  const auto it = by_state_.find(state);
  if (it == by_state_.end()) return nullptr;
  entries_.splice(entries_.begin(), entries_, it->second);
  return it->second->second;
}

void MaskCache::insert(State state, std::shared_ptr<const StateMask> mask) {
  const std::lock_guard lock(mutex_);
  if (by_state_.contains(state)) return;
  bytes_ += mask->nbytes();
  entries_.emplace_front(state, std::move(mask));
  by_state_[state] = entries_.begin();
  while (bytes_ > limit_ && entries_.size() > 1) {
    bytes_ -= entries_.back().second->nbytes();
    by_state_.erase(entries_.back().first);
    entries_.pop_back();
  }
}

size_t MaskCache::size() const {
  const std::lock_guard lock(mutex_);
  return entries_.size();
}

size_t MaskCache::nbytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

StateMask compute_mask(const Automaton& automaton, const Distances& distances, State state,
                       const TokenTrie& trie, size_t mask_words) {
  Runner runner(automaton);
  runner.allow(kMaxMaskSteps);
  Position from;
  from.items.push_back({state, Stacks::kBottom});
  StateMask out;
  std::vector<uint32_t> exits;
  DistanceToEnd distance(distances);
  Distance farthest = 0;
  TrieWalk walk(trie);
  walk.run(
      runner, from, 0, trie.size(), 0,
      [&](uint32_t node, const Position& behind) {
        const auto tokens = trie.tokens(node);
        if (tokens.empty()) return;
        farthest = std::max(farthest, distance(runner, behind));
        out.ids.insert(out.ids.end(), tokens.begin(), tokens.end());
      },
      [&](uint32_t node) {
        for (uint32_t i = node + 1; i < trie[node].skip; i = trie[i].skip) {
          exits.push_back(i);
          ++out.exits_begin[trie[i].byte + 1U];
        }
      });
  std::partial_sum(out.exits_begin.begin(), out.exits_begin.end(), out.exits_begin.begin());
  if (farthest != kTooFar && distances[state] != kTooFar) {
    out.growth = int64_t{farthest} - distances[state];
  }
  out.exits.resize(exits.size());
  auto next = out.exits_begin;
  for (const uint32_t node : exits) out.exits[next[trie[node].byte]++] = node;
  if (out.ids.size() > mask_words) {
    out.words.assign(mask_words, 0);
    for (const int32_t id : out.ids) out.words[static_cast<size_t>(id) / 32] |= 1U << (id % 32);
    out.ids = {};
  }
  out.ids.shrink_to_fit();
  return out;
}

}  // namespace tarn::text::grammar
