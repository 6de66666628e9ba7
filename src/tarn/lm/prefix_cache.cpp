#include "tarn/lm/prefix_cache.h"

#include <algorithm>
#include <utility>

#include "tarn/lm/prompt_cache.h"

namespace tarn {
namespace {

// A snapshot costs a copy of keys and values: those of the last two turns are worth it.
constexpr size_t max_snapshots = 2;

}  // namespace

Cache PrefixCache::take(const std::vector<int32_t>& prompt) {
  const auto limit = std::min(tokens_.size(), prompt.empty() ? 0 : prompt.size() - 1);
  const auto differs = std::mismatch(
      tokens_.begin(), tokens_.begin() + static_cast<ptrdiff_t>(limit), prompt.begin());
  const int64_t common = differs.first - tokens_.begin();
  std::erase_if(snapshots_, [&](const Cache& s) { return s.position() > common; });
  std::optional<Cache> best = std::exchange(cache_, std::nullopt);
  if (best && !best->trim(std::max<int64_t>(best->position() - common, 0))) best.reset();
  if (!snapshots_.empty() && (!best || best->position() < snapshots_.back().position())) {
    best = snapshots_.back();
  }
  return best ? std::move(*best) : model_.make_cache();
}

void PrefixCache::keep(std::vector<int32_t> tokens, Cache cache, std::vector<Cache> snapshots) {
  tokens_ = std::move(tokens);
  cache_ = std::move(cache);
  std::move(snapshots.begin(), snapshots.end(), std::back_inserter(snapshots_));
  if (snapshots_.size() > max_snapshots) {
    snapshots_.erase(snapshots_.begin(), snapshots_.end() - max_snapshots);
  }
}

void PrefixCache::clear() {
  tokens_.clear();
  cache_.reset();
  snapshots_.clear();
}

void PrefixCache::save(const std::filesystem::path& path, const std::string& fingerprint) const {
  const Cache* cache = cache_ ? &*cache_ : nullptr;
  if (!trims() && !snapshots_.empty()) cache = &snapshots_.back();
  if (cache == nullptr || cache->position() == 0) return;
  save_prompt_cache(path, {tokens_.begin(), tokens_.begin() + cache->position()}, *cache,
                    fingerprint);
}

void PrefixCache::load(const std::filesystem::path& path, const std::string& fingerprint) {
  PromptCache loaded = load_prompt_cache(path, model_, fingerprint);
  clear();
  // As a snapshot too, so that a recurrent model can come back to it.
  if (!trims()) snapshots_.push_back(loaded.cache);
  tokens_ = std::move(loaded.tokens);
  cache_ = std::move(loaded.cache);
}

}  // namespace tarn
