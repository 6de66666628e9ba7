// `tarn quantize IN OUT --recipe R`: a quantized copy of a model folder.
#include "tarn/compress/quantize.h"

#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tarn/base/json.h"
#include "tarn/base/log.h"
#include "tarn/base/progress.h"
#include "tarn/cli/commands.h"
#include "tarn/lm/model_path.h"

namespace tarn::cli {
namespace {

struct Options {
  std::string in;
  std::string out;
  std::string recipe;
  std::vector<std::string> rules;
  bool as_json = false;
};

constexpr uint64_t kMegabyte = 1000 * 1000;

double bits_per_value(uint64_t bytes, uint64_t values) {
  return 8.0 * static_cast<double>(bytes) / static_cast<double>(values);
}

double megabytes(uint64_t bytes) {
  return static_cast<double>(bytes) / static_cast<double>(kMegabyte);
}

std::vector<std::string> named(const std::map<std::string, uint64_t>& names) {
  std::vector<std::string> parts;
  for (const auto& [name, count] : names) {
    parts.push_back(count > 1 ? fmt::format("{} ({})", name, count) : name);
  }
  return parts;
}

void print_text(const compress::QuantizeReport& report, const Options& options) {
  for (const auto& [format, count] : report.modules) {
    fmt::print("{:<14}{} modules\n", format, count);
  }
  fmt::print("{:<14}{:.2f} bits a weight in them, {:.2f} in the whole model\n", "density",
             bits_per_value(report.quantized_bytes, report.quantized_values),
             bits_per_value(report.bytes_after, report.values));
  fmt::print(
      "{:<14}{:.1f} MB before, {:.1f} MB after ({:.1f} %)\n", "tensors",
      megabytes(report.bytes_before), megabytes(report.bytes_after),
      100.0 * static_cast<double>(report.bytes_after) / static_cast<double>(report.bytes_before));
  fmt::print("{:<14}{}\n", "written", options.out);
}

void print_json(const compress::QuantizeReport& report, const Options& options) {
  json kept = json::array();
  for (const compress::Kept& group : report.kept) {
    kept.push_back({{"reason", group.reason}, {"tensors", group.names}, {"bytes", group.bytes}});
  }
  const json out = {
      {"in", options.in},
      {"out", options.out},
      {"modules", report.modules},
      {"bits_per_weight", bits_per_value(report.quantized_bytes, report.quantized_values)},
      {"model_bits_per_weight", bits_per_value(report.bytes_after, report.values)},
      {"parameters", report.values},
      {"bytes_before", report.bytes_before},
      {"bytes_after", report.bytes_after},
      {"kept", kept}};
  fmt::print("{}\n", out.dump(2, ' ', false, json::error_handler_t::replace));
}

void run(const Options& options) {
  compress::Recipe recipe = compress::parse_recipe(options.recipe);
  for (const std::string& rule : options.rules) recipe.rules.push_back(compress::parse_rule(rule));
  std::optional<Progress> progress;
  const compress::QuantizeReport report = compress::quantize_model(
      model_path(options.in), options.out, recipe, [&](uint64_t done, uint64_t total) {
        if (!progress) progress.emplace("quantizing", total / kMegabyte, "MB");
        progress->set(done / kMegabyte);
      });
  progress.reset();
  for (const std::string& warning : report.warnings) logging::warn("{}", warning);
  for (const compress::Kept& group : report.kept) {
    logging::warn("not quantized: {}: {}", group.reason, fmt::join(named(group.names), ", "));
  }
  if (options.as_json) {
    print_json(report, options);
  } else {
    print_text(report, options);
  }
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
  command->add_flag("--json", options->as_json, "One JSON document");
  command->callback([options] { run(*options); });
}

}  // namespace tarn::cli
