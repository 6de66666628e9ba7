// Kept prefixes on disk, so that conversations go on where they were when a server starts again.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "tarn/lm/prefix_store.h"

namespace tarn {

struct PrefixFiles {
  uint64_t files = 0;  // written or read
  uint64_t bytes = 0;
  std::string problem;  // why saving ended early; empty: it did not
};

// Writes the store's prefixes, used last first, to `folder` (made if need be), one prompt cache
// file (lm/prompt_cache.h) each, named by a hash of its tokens; those that are there already stay.
// Then removes the oldest such files until all take at most `limit` bytes. Each file appears whole
// or not at all. An error of the disk ends it, is logged and told, and loses nothing that was there
// before.
PrefixFiles save_prefixes(const PrefixStore& store, const std::filesystem::path& folder,
                          const std::string& fingerprint, uint64_t limit);

// Reads files back, newest first, while the store takes at most `limit` bytes. Files of another
// model are left alone; broken ones are logged and left alone. What an interrupted save left behind
// is removed.
PrefixFiles load_prefixes(PrefixStore& store, const Model& model,
                          const std::filesystem::path& folder, const std::string& fingerprint,
                          uint64_t limit);

}  // namespace tarn
