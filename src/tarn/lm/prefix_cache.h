// What a model remembers of the last prompt and answer, so that a prompt that begins the same is
// not computed again.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

#include "tarn/models/model.h"

namespace tarn {

class PrefixCache {
 public:
  explicit PrefixCache(const Model& model) : model_(model) {}

  // A cache that holds as many of the first tokens of `prompt` as possible, but not the last one,
  // which has to be run for its logits. Empties the store: call keep() when the work is done.
  Cache take(const std::vector<int32_t>& prompt);

  // `tokens`: at least those that `cache` and the snapshots, which are of the same sequence, hold.
  void keep(std::vector<int32_t> tokens, Cache cache, std::vector<Cache> snapshots);
  void clear();

  // Whether the whole state can be cut back to any length; if not, keep() needs snapshots at the
  // lengths to come back to.
  bool trims() const { return model_.make_cache().can_trim(); }

  // To and from a prompt cache file (lm/prompt_cache.h): the longest snapshot where there is one.
  // Nothing to save is not an error.
  void save(const std::filesystem::path& path, const std::string& fingerprint) const;
  void load(const std::filesystem::path& path, const std::string& fingerprint);

 private:
  const Model& model_;
  std::vector<int32_t> tokens_;
  std::optional<Cache> cache_;
  std::vector<Cache> snapshots_;  // by rising position
};

}  // namespace tarn
