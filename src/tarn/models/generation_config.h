// A model's generation_config.json: what its makers suggest for sampling.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string_view>
#include <vector>

#include "tarn/models/config.h"

namespace tarn {

// An absent value means that the file says nothing: the caller's own default holds.
struct GenerationConfig {
  std::vector<int64_t> eos_token_ids{};  // any of them ends the answer
  std::optional<int64_t> bos_token_id{};
  std::optional<int64_t> pad_token_id{};
  std::optional<bool> do_sample{};
  std::optional<double> temperature{};         // >= 0; 0 is greedy
  std::optional<int64_t> top_k{};              // 0: off
  std::optional<double> top_p{};               // (0, 1]
  std::optional<double> min_p{};               // [0, 1]
  std::optional<double> repetition_penalty{};  // > 0; 1: off
  std::optional<int64_t> max_new_tokens{};

  bool operator==(const GenerationConfig&) const = default;
};

// `source` opens every error message; errors as parse_model_config's.
GenerationConfig parse_generation_config(std::string_view text, std::string_view source);

// generation_config.json of a model folder; token ids that it leaves out, or all of them if there
// is no such file, come from config.json.
GenerationConfig load_generation_config(const std::filesystem::path& folder,
                                        const ModelConfig& model);

}  // namespace tarn
