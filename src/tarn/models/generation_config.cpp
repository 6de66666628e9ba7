#include "tarn/models/generation_config.h"

#include <string>

#include "tarn/base/file.h"
#include "tarn/models/json_fields.h"

namespace tarn {
namespace {

constexpr int64_t kMaxToken = int64_t{1} << 31;
constexpr uint64_t kMaxFile = uint64_t{1} << 20;
constexpr double kSmallest = 1e-9;  // of values that must be above 0

std::optional<int64_t> token_id(const JsonFields& fields, std::string_view key) {
  const auto id = fields.integer(key, -1, kMaxToken);
  return id && *id < 0 ? std::nullopt : id;  // -1 stands for none in some files
}

}  // namespace

GenerationConfig parse_generation_config(std::string_view text, std::string_view source) {
  const json parsed = parse_json(text, source, 64, true);
  const JsonFields fields(parsed, std::string(source));
  GenerationConfig config;
  config.eos_token_ids = fields.integer_or_list("eos_token_id", -1, kMaxToken, 1024);
  std::erase_if(config.eos_token_ids, [](int64_t id) { return id < 0; });
  config.bos_token_id = token_id(fields, "bos_token_id");
  config.pad_token_id = token_id(fields, "pad_token_id");
  config.do_sample = fields.boolean("do_sample");
  config.temperature = fields.number("temperature", 0.0, 1000.0);
  config.top_k = fields.integer("top_k", 0, kMaxToken);
  config.top_p = fields.number("top_p", kSmallest, 1.0);
  config.min_p = fields.number("min_p", 0.0, 1.0);
  config.repetition_penalty = fields.number("repetition_penalty", kSmallest, 1000.0);
  config.max_new_tokens = fields.integer("max_new_tokens", 0, int64_t{1} << 40);
  return config;
}

GenerationConfig load_generation_config(const std::filesystem::path& folder,
                                        const ModelConfig& model) {
  GenerationConfig config;
  const auto path = folder / "generation_config.json";
  std::error_code ignored;
  if (std::filesystem::exists(path, ignored)) {
    config = parse_generation_config(read_file(path, kMaxFile), path.string());
  }
  if (config.eos_token_ids.empty()) config.eos_token_ids = model.eos_token_ids;
  if (!config.bos_token_id) config.bos_token_id = model.bos_token_id;
  if (!config.pad_token_id) config.pad_token_id = model.pad_token_id;
  return config;
}

}  // namespace tarn
