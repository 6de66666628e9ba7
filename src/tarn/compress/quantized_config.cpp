#include "tarn/compress/quantized_config.h"

#include <array>

#include "tarn/base/error.h"
#include "tarn/base/file.h"
#include "tarn/base/json.h"
#include "tarn/compress/model_folder.h"
#include "tarn/models/quantization_json.h"

namespace tarn::compress {
namespace {

// Written where the top-level object of config.json closes.
constexpr std::array kConfigKeys{"quantization", "quantization_config"};

ordered_json entries_of(const std::vector<PlannedTensor>& plan, const Recipe& recipe,
                        const ModelConfig& config) {
  ordered_json result = tarn::quantization_json(recipe.format);
  for (const PlannedTensor& planned : plan) {
    if (!planned.by_rule) continue;
    if (planned.format == recipe.format) continue;
    ordered_json entry(false);
    if (planned.format) {
      entry = tarn::quantization_json(*planned.format);
      // The default, which older readers do not expect here.
      if (planned.format->mode == quant::FormatMode::affine) entry.erase("mode");
    }
    // Under the tensor's path and under the one that mlx-lm's loader turns it into.
    result[planned.module] = entry;
    result[mlx_module_path(planned.module, config)] = entry;
  }
  return result;
}

}  // namespace

std::string read_dense_config(const std::filesystem::path& in) {
  std::string text = read_file(in / config_name, uint64_t{64} << 20);
  const json config = parse_json(text, (in / config_name).string(), 64, true);
  for (const char* key : kConfigKeys) {
    if (config.is_object() && config.contains(key)) {
      fail(ErrorCode::invalid_argument,
           "{}: \"{}\" says that the model is quantized already: quantize the original model",
           (in / config_name).string(), key);
    }
  }
  return text;
}

// The source's own text with the two entries added behind its last: whatever else stands there,
// numbers that JSON does not know among it, stays as it is.
std::string quantized_config(const std::string& source, const std::vector<PlannedTensor>& plan,
                             const Recipe& recipe, const ModelConfig& config) {
  const ordered_json quantization = entries_of(plan, recipe, config);
  const size_t close = source.find_last_of('}');
  const size_t last = source.find_last_not_of(" \t\r\n", close - 1);
  std::string text = source.substr(0, last + 1);
  for (const char* key : kConfigKeys) {
    const ordered_json entry = {{key, quantization}};
    const std::string lines = entry.dump(2);  // "{\n  "key": ...\n}"
    text += ",\n" + lines.substr(2, lines.size() - 4);
  }
  return text + "\n}\n";
}

}  // namespace tarn::compress
