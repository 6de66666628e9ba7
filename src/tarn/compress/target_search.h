// The mixture of formats for a size: which matrix deserves how many bits, by measurement.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "tarn/compress/sensitivity.h"

namespace tarn::compress {

struct Target {
  // Tensor bytes of the whole model, tables, scales and what stays dense counted; 0: by bits.
  uint64_t bytes = 0;
  double bits_per_weight = 0;  // the same, by the model's values
};

struct TargetResult {
  Recipe recipe;  // a format, a rule for each module that has another, then the rules given
  uint64_t bytes = 0;
  uint64_t least_bytes = 0;
  uint64_t most_bytes = 0;
  double loss = 0;                         // sum of the modules' (compress/sensitivity.h)
  std::map<std::string, uint64_t> values;  // by format
};

// The default of --candidates.
const std::vector<quant::Format>& default_candidates();
// "lut3:32,lut4:32,q6_k". invalid_argument: none, more than 64, an unknown one.
std::vector<quant::Format> parse_candidates(std::string_view text);

// Modules that `rules` decide on are left to them. `allow_fallback`: modules that fit no candidate
// stay dense. invalid_argument: the target is out of reach; the message says what is in reach.
TargetResult search_target(const std::filesystem::path& folder, const Target& target,
                           const std::vector<quant::Format>& candidates,
                           const std::vector<Rule>& rules, bool allow_fallback,
                           const SensitivityOptions& options);

}  // namespace tarn::compress
