#include <fmt/format.h>

#include "tarn/base/error.h"
#include "tarn/base/log.h"
#include "tarn/models/llama.h"
#include "tarn/models/model.h"
#include "tarn/models/qwen3_5.h"
#include "tarn/models/weights.h"

namespace tarn {
namespace {

std::unique_ptr<Model> make_model(const ModelConfig& config, Weights& weights,
                                  const LoadOptions& options) {
  switch (config.family) {
    case ModelFamily::qwen3_5:
      return make_qwen3_5(config, weights, options);
    default:
      return make_llama(config, weights, options);
  }
}

}  // namespace

std::unique_ptr<Model> load_model(const std::filesystem::path& folder, const LoadOptions& options) {
  const ModelConfig config = load_model_config(folder);
  for (const std::string& warning : config.warnings) logging::warn("{}", warning);
  Weights weights(folder, config.quantization);
  std::unique_ptr<Model> model = make_model(config, weights, options);
  weights.finish();
  if (const std::vector<std::string> unused = weights.unused(); !unused.empty()) {
    logging::warn("{}: runs as a text model; left out: {}", folder.string(),
                  fmt::join(unused, ", "));
  }
  return model;
}

}  // namespace tarn
