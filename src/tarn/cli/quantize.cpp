// `tarn quantize IN OUT --recipe R`: a quantized copy of a model folder.
#include "tarn/compress/quantize.h"

#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tarn/base/log.h"
#include "tarn/base/progress.h"
#include "tarn/cli/commands.h"
#include "tarn/cli/model_path.h"
#include "tarn/cli/options.h"
#include "tarn/cli/quantize_report.h"

namespace tarn::cli {
namespace {

struct Options {
  std::string in;
  std::string out;
  std::string recipe;
  std::vector<std::string> rules;
  std::string calibrate;
  int64_t calibrate_tokens = compress::default_calibration_tokens;
  std::string importance;
  std::string save_importance;
  bool allow_fallback = false;
  bool as_json = false;
};

constexpr uint64_t kMegabyte = 1000 * 1000;

std::vector<std::string> named(const std::map<std::string, uint64_t>& names) {
  std::vector<std::string> parts;
  for (const auto& [name, count] : names) {
    parts.push_back(count > 1 ? fmt::format("{} ({})", name, count) : name);
  }
  return parts;
}

// What is known of the activations; nothing when nobody asked.
std::optional<compress::Importance> importance_for(const Options& options) {
  if (!options.importance.empty()) return compress::read_importance(options.importance);
  if (options.calibrate.empty()) return std::nullopt;
  const std::filesystem::path model = model_path(options.in);
  const compress::CalibrationText text =
      compress::read_calibration_text(model, options.calibrate, options.calibrate_tokens);
  Progress progress("calibrating", text.tokens.size(), "tokens");
  return compress::collect_importance(model, text,
                                      [&](uint64_t done, uint64_t) { progress.set(done); });
}

void check(const Options& options) {
  if (!options.importance.empty() && !options.calibrate.empty()) {
    usage_error("--importance", "it is what --calibrate would collect: give one of the two");
  }
  if (!options.save_importance.empty() && options.calibrate.empty()) {
    usage_error("--save-importance", "there is none to save without --calibrate");
  }
}

void run(const Options& options) {
  check(options);
  compress::Recipe recipe = compress::parse_recipe(options.recipe);
  for (const std::string& rule : options.rules) recipe.rules.push_back(compress::parse_rule(rule));
  const std::optional<compress::Importance> importance = importance_for(options);
  if (!options.save_importance.empty()) {
    compress::write_importance(options.save_importance, *importance);
  }
  std::optional<Progress> progress;
  compress::QuantizeOptions how;
  how.importance = importance ? &*importance : nullptr;
  how.allow_fallback = options.allow_fallback;
  how.progress = [&](uint64_t done, uint64_t total) {
    if (!progress) progress.emplace("quantizing", total / kMegabyte, "MB");
    progress->set(done / kMegabyte);
  };
  const compress::QuantizeReport report =
      compress::quantize_model(model_path(options.in), options.out, recipe, how);
  progress.reset();
  for (const std::string& warning : report.warnings) logging::warn("{}", warning);
  for (const compress::Kept& group : report.kept) {
    logging::warn("not quantized: {}: {}", group.reason, fmt::join(named(group.names), ", "));
  }
  for (const std::string& layer : report.fallbacks) {
    logging::warn("kept at full precision: {}", layer);
  }
  if (options.as_json) {
    print_quantize_json(report, options.in, options.out);
  } else {
    print_quantize_text(report, options.out);
  }
}

void add_calibration(CLI::App& command, Options& options) {
  const char* group = "Calibration";
  command
      .add_option("--calibrate", options.calibrate,
                  "A UTF-8 text like those the model will see: errors count as much as the "
                  "activations that meet them are large there")
      ->group(group);
  command
      .add_option("--calibrate-tokens", options.calibrate_tokens, "Tokens of it to run, at most")
      ->check(CLI::Range(int64_t{2}, int64_t{1} << 24))
      ->capture_default_str()
      ->group(group);
  command
      .add_option("--save-importance", options.save_importance,
                  "Write what calibration found to this file (safetensors)")
      ->group(group);
  command
      .add_option("--importance", options.importance, "Such a file, in the place of --calibrate")
      ->group(group);
}

}  // namespace

void add_quantize(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* const command =
      app.add_subcommand("quantize", "Write a quantized copy of a model folder");
  command
      ->add_option("IN", options->in, "A model folder in Hugging Face layout, or an embedded model")
      ->required();
  command->add_option("OUT", options->out, "The folder to write; new or empty")->required();
  command
      ->add_option(
          "--recipe", options->recipe,
          "A format for all matrices: affine:BITS:GROUP, lutBITS, lutBITS:GROUP, or a type of "
          "GGUF such as q4_k; or a mixture: lut4_m, lut3_m, affine4_m, q4_k_m, q3_k_m")
      ->required();
  command
      ->add_option("--rule", options->rules,
                   "PATTERN=FORMAT or PATTERN=none for modules that differ, by their path in "
                   "the checkpoint; may be repeated, the last that matches wins")
      ->allow_extra_args(false);
  command->add_flag(
      "--allow-fallback", options->allow_fallback,
      "Keep layers that cannot be quantized as asked, instead of ending with an error");
  add_calibration(*command, *options);
  command->add_flag("--json", options->as_json, "One JSON document");
  command->callback([options] { run(*options); });
}

}  // namespace tarn::cli
