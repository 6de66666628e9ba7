// What a model remembers of many prompts and answers, so that a prompt that begins like one of them
// is not computed again. Entries are found by their tokens; the least recently used go first.
#pragma once

#include <cstdint>
#include <list>
#include <vector>

#include "tarn/models/model.h"

namespace tarn {

struct PrefixStats {
  uint64_t lookups = 0;
  uint64_t hits = 0;           // of them, those that found at least one block
  uint64_t prompt_tokens = 0;  // of all lookups
  uint64_t cached_tokens = 0;  // of them, those found
  uint64_t evictions = 0;
  uint64_t entries = 0;
  uint64_t bytes = 0;
};

class PrefixStore {
 public:
  // Prefixes are shared in blocks of so many tokens: a shorter one saves nothing.
  static constexpr int64_t block = 32;

  explicit PrefixStore(const Model& model);

  // A cache that holds as many of the first tokens of `prompt` as possible, but not the last one,
  // which has to be run for its logits. It shares memory with the entry until it is written to.
  Cache take(const std::vector<int32_t>& prompt);

  // Where caches cannot be cut: the length at which `prompt` leaves the entry that it follows
  // longest, in whole units; 0: there is none. A cache kept there serves the next prompt that
  // begins alike, which take() cannot serve from the entry.
  int64_t branch(const std::vector<int32_t>& prompt) const;
  static constexpr int64_t branch_unit = 64;

  // `tokens`: those that `cache` holds. Replaces entries that are prefixes of it, where any length
  // can be cut from it. Caches of recurrent layers serve prompts that begin with all their tokens.
  void keep(std::vector<int32_t> tokens, Cache cache);

  // Lets go of entries, least recently used first, until they take at most so many bytes.
  void shrink(uint64_t bytes);
  void clear() { shrink(0); }

  // Calls f(tokens, cache) for each, used last first, while it returns true.
  template <typename F>
  void each(F&& f) const {
    for (auto entry = entries_.rbegin(); entry != entries_.rend(); ++entry) {
      if (!f(entry->tokens, entry->cache)) return;
    }
  }

  uint64_t bytes() const { return stats_.bytes; }
  const PrefixStats& stats() const { return stats_; }

 private:
  struct Entry {
    std::vector<int32_t> tokens;
    Cache cache;
    uint64_t bytes;
  };
  void erase(std::list<Entry>::iterator entry);

  const Model& model_;
  bool trims_;
  std::list<Entry> entries_;  // least recently used first
  PrefixStats stats_;
};

}  // namespace tarn
