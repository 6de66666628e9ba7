// Which tokens may follow: computed once for a state of the automaton, as far as the state decides.
#pragma once

#include <array>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include "tarn/text/grammar/distances.h"
#include "tarn/text/grammar/runner.h"
#include "tarn/text/grammar/token_trie.h"

namespace tarn::text::grammar {

// Walks nodes `begin` to `end` of the trie, the first of which has one byte more than `depth`, from
// `from`: accept(node, position behind it) for each node whose bytes can be read, leave(node) where
// the rules open in `from` may have ended at a node with descendants.
class TrieWalk {
 public:
  explicit TrieWalk(const TokenTrie& trie) : trie_(&trie) {}

  template <typename Accept, typename Leave>
  void run(Runner& runner, const Position& from, uint32_t begin, uint32_t end, uint32_t depth,
           Accept&& accept, Leave&& leave) {
    if (levels_.empty()) levels_.resize(trie_->longest() + 1);
    levels_[0] = from;
    for (uint32_t i = begin; i < end;) {
      const TokenTrie::Node& node = (*trie_)[i];
      const uint32_t level = node.depth - depth;
      Position& to = levels_[level];
      runner.advance(levels_[level - 1], node.byte, to);
      if (to.alive()) accept(i, std::as_const(to));
      if (to.ended && node.skip != i + 1) leave(i);
      i = to.items.empty() ? node.skip : i + 1;
    }
  }

 private:
  const TokenTrie* trie_;
  std::vector<Position> levels_;  // by depth below the start
};

// The tokens that can be read from a state, whatever it returns to in the end.
struct StateMask {
  std::vector<uint32_t> words;  // a set of ids: 32 a word, or, where they are fewer than words,
  std::vector<int32_t> ids;     // a list of them
  // Nodes of the trie behind which the rule may have ended: from them on tokens are for the caller
  // to read. By the byte that leads to them, which decides about most without a look.
  std::vector<uint32_t> exits;
  std::array<uint32_t, 257> exits_begin{};
  // How much further than in this state the rule's end may be behind one of the tokens; nothing
  // where that is past counting.
  std::optional<int64_t> growth;
  size_t nbytes() const {
    return sizeof(*this) + 4 * (words.capacity() + ids.capacity() + exits.capacity());
  }
  void add_to(std::span<uint32_t> mask) const;
  // How far the end of the rule is at most behind any of the tokens, in a state as far as `state`.
  Distance farthest(Distance state) const;
};

// Masks by state, the least recently used dropped first. Safe to use from several threads.
class MaskCache {
 public:
  explicit MaskCache(size_t limit_bytes) : limit_(limit_bytes) {}

  std::shared_ptr<const StateMask> find(State state);
  void insert(State state, std::shared_ptr<const StateMask> mask);
  size_t size() const;
  size_t nbytes() const;

 private:
  using Entry = std::pair<State, std::shared_ptr<const StateMask>>;
  mutable std::mutex mutex_;
  std::list<Entry> entries_;  // most recently used first
  std::unordered_map<State, std::list<Entry>::iterator> by_state_;
  size_t bytes_ = 0;
  const size_t limit_;
};

StateMask compute_mask(const Automaton& automaton, const Distances& distances, State state,
                       const TokenTrie& trie, size_t mask_words);

}  // namespace tarn::text::grammar
