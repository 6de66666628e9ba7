// config.json of a model that is quantized.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "tarn/compress/module_plan.h"

namespace tarn::compress {

// The text of config.json in `folder`. invalid_argument when it says that the model is quantized.
std::string read_dense_config(const std::filesystem::path& folder);

// That text with "quantization" and "quantization_config" added as its last entries: what the plan
// makes of the modules, as MLX writes it.
std::string quantized_config(const std::string& source, const std::vector<PlannedTensor>& plan,
                             const Recipe& recipe, const ModelConfig& config);

}  // namespace tarn::compress
