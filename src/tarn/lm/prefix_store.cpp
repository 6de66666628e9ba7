#include "tarn/lm/prefix_store.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace tarn {
namespace {

int64_t common_length(const std::vector<int32_t>& a, const std::vector<int32_t>& b, size_t limit) {
  const auto end = a.begin() + static_cast<ptrdiff_t>(std::min({a.size(), b.size(), limit}));
  return std::mismatch(a.begin(), end, b.begin()).first - a.begin();
}

// The buffers as they lie in memory, not only the part in use.
uint64_t buffer_bytes(Cache& cache) {
  uint64_t bytes = 0;
  for (const array* buffer : cache.buffers()) bytes += buffer->nbytes();
  return bytes;
}

}  // namespace

PrefixStore::PrefixStore(const Model& model)
    : model_(model), trims_(model.make_cache().can_trim()) {}

Cache PrefixStore::take(const std::vector<int32_t>& prompt) {
  ++stats_.lookups;
  stats_.prompt_tokens += prompt.size();
  const size_t limit = prompt.empty() ? 0 : prompt.size() - 1;
  auto best = entries_.end();
  int64_t best_length = 0;
  for (auto entry = entries_.begin(); entry != entries_.end(); ++entry) {
    int64_t length = common_length(entry->tokens, prompt, limit);
    if (!trims_ && length < static_cast<int64_t>(entry->tokens.size())) length = 0;
    if (length < block || length < best_length) continue;
    best = entry;
    best_length = length;
  }
  if (best == entries_.end()) return model_.make_cache();
  entries_.splice(entries_.end(), entries_, best);  // used last
  Cache cache = best->cache;
  // With windows what lies before may be gone.
  if (!cache.trim(cache.position() - best_length)) return model_.make_cache();
  ++stats_.hits;
  stats_.cached_tokens += static_cast<uint64_t>(best_length);
  return cache;
}

int64_t PrefixStore::branch(const std::vector<int32_t>& prompt) const {
  if (trims_ || prompt.empty()) return 0;
  int64_t longest = 0;
  for (const Entry& entry : entries_) {
    longest = std::max(longest, common_length(entry.tokens, prompt, prompt.size() - 1));
  }
  return longest / branch_unit * branch_unit;
}

void PrefixStore::keep(std::vector<int32_t> tokens, Cache cache) {
  if (static_cast<int64_t>(tokens.size()) < block) return;
  for (auto entry = entries_.begin(); entry != entries_.end();) {
    const auto here = entry++;
    const auto length = static_cast<size_t>(common_length(here->tokens, tokens, tokens.size()));
    if (length == tokens.size() && (trims_ || here->tokens.size() == length)) {
      entries_.splice(entries_.end(), entries_, here);  // known already
      return;
    }
    if (trims_ && length == here->tokens.size()) erase(here);
  }
  const uint64_t bytes = buffer_bytes(cache) + tokens.size() * sizeof(int32_t);
  stats_.bytes += bytes;
  ++stats_.entries;
  entries_.push_back({std::move(tokens), std::move(cache), bytes});
}

void PrefixStore::shrink(uint64_t bytes) {
  while (stats_.bytes > bytes) {
    ++stats_.evictions;
    erase(entries_.begin());
  }
}

void PrefixStore::erase(std::list<Entry>::iterator entry) {
  stats_.bytes -= entry->bytes;
  --stats_.entries;
  entries_.erase(entry);
}

}  // namespace tarn
