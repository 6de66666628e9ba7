// `tarn pack IN OUT`: a copy of a quantized model folder that loads without any work.
#include "tarn/compress/pack.h"

#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>

#include "tarn/base/json.h"
#include "tarn/base/progress.h"
#include "tarn/cli/commands.h"
#include "tarn/lm/model_path.h"
#include "tarn/models/packed.h"

namespace tarn::cli {
namespace {

struct Options {
  std::string in;
  std::string out;
  std::string isa = "portable";
  bool as_json = false;
};

constexpr uint64_t kMegabyte = 1000 * 1000;

double megabytes(uint64_t bytes) {
  return static_cast<double>(bytes) / static_cast<double>(kMegabyte);
}

void run(const Options& options) {
  std::optional<Progress> progress;
  const compress::PackReport report =
      compress::pack_model(model_path(options.in), options.out, [&](uint64_t done, uint64_t total) {
        if (!progress) progress.emplace("packing", total / kMegabyte, "MB");
        progress->set(done / kMegabyte);
      });
  progress.reset();
  if (options.as_json) {
    const json out = {{"in", options.in},
                      {"out", options.out},
                      {"layout", packed_layout},
                      {"matrices", report.matrices},
                      {"bytes_before", report.bytes_before},
                      {"bytes_after", report.bytes_after}};
    fmt::print("{}\n", out.dump(2, ' ', false, json::error_handler_t::replace));
    return;
  }
  fmt::print("{:<14}{} matrices, layout {}\n", "packed", report.matrices, packed_layout);
  fmt::print("{:<14}{:.1f} MB before, {:.1f} MB after\n", "size", megabytes(report.bytes_before),
             megabytes(report.bytes_after));
  fmt::print("{:<14}{}\n", "written", options.out);
}

}  // namespace

void add_pack(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* const command = app.add_subcommand(
      "pack", "Write a copy of a quantized model that loads by mapping its file");
  command->add_option("IN", options->in, "A quantized model folder or name")->required();
  command->add_option("OUT", options->out, "The folder to write; new or empty")->required();
  command
      ->add_option("--isa", options->isa,
                   "Instruction set to lay the weights out for; one layout serves all today")
      ->check(CLI::IsMember({"portable"}))
      ->capture_default_str();
  command->add_flag("--json", options->as_json, "One JSON document");
  command->callback([options] { run(*options); });
}

}  // namespace tarn::cli
