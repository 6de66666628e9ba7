// A cache on disk: the tokens of a prompt and what a model remembers of them, as a safetensors
// file. A long prompt is then read in a second session instead of computed again.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "tarn/models/model.h"

namespace tarn {

// What tells one model's weights from another's: a hash over config.json and, of each .safetensors
// file of the folder, its name, size, header and samples of its content.
std::string model_fingerprint(const std::filesystem::path& folder);

struct PromptCache {
  std::vector<int32_t> tokens;  // those that `cache` holds
  Cache cache;
};

// `tokens` are the cache.position() tokens that the cache holds, at least one. The file appears
// whole or not at all.
void save_prompt_cache(const std::filesystem::path& path, const std::vector<int32_t>& tokens,
                       const Cache& cache, const std::string& fingerprint);

// What continues from here continues as from the cache that was saved, bit for bit. Errors:
// invalid_argument for a file of another model; corrupt for one that does not fit the model's
// cache.
PromptCache load_prompt_cache(const std::filesystem::path& path, const Model& model,
                              const std::string& fingerprint);

}  // namespace tarn
