// `tarn convert IN OUT`: between Hugging Face folders and GGUF files.
#include "tarn/compress/convert.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>

#include "tarn/base/error.h"
#include "tarn/base/json.h"
#include "tarn/base/log.h"
#include "tarn/base/progress.h"
#include "tarn/cli/commands.h"
#include "tarn/io/gguf.h"
#include "tarn/lm/model_path.h"

namespace tarn::cli {
namespace {

struct Options {
  std::string in;
  std::string out;
  std::string type;
  bool as_json = false;
};

constexpr uint64_t kMegabyte = 1000 * 1000;

StorageType dense_type(const std::string& text) {
  if (text.empty() || text == "bf16") return StorageType::bf16;
  if (text == "f16") return StorageType::f16;
  if (text == "f32") return StorageType::f32;
  fail(ErrorCode::invalid_argument, "type \"{}\": a folder's weights become bf16, f16 or f32",
       text);
}

quant::GgmlType gguf_type(const std::string& text) {
  const auto type = quant::ggml_type_from_name(text.empty() ? "bf16" : text);
  if (!type) {
    fail(ErrorCode::invalid_argument,
         "type \"{}\": GGUF has no such type; take f32, f16, bf16, q8_0, q6_k, q5_k, q4_k, q4_0 or "
         "another",
         text);
  }
  return *type;
}

void run(const Options& options) {
  const auto in = model_path(options.in);
  std::optional<Progress> progress;
  const auto show = [&](uint64_t done, uint64_t total) {
    if (!progress) progress.emplace("converting", total / kMegabyte, "MB");
    progress->set(done / kMegabyte);
  };
  const bool to_file = options.out.ends_with(".gguf");
  if (!to_file && !std::filesystem::is_regular_file(in)) {
    fail(ErrorCode::invalid_argument,
         "{}: the input is a folder already; name a file ending in .gguf for a GGUF file",
         options.out);
  }
  const compress::ConvertReport report =
      to_file ? compress::convert_to_gguf(in, options.out, gguf_type(options.type), show)
              : compress::convert_from_gguf(in, options.out, dense_type(options.type), show);
  progress.reset();
  for (const std::string& note : report.notes) logging::warn("{}", note);
  if (options.as_json) {
    const json out = {{"in", options.in},
                      {"out", options.out},
                      {"tensors", report.tensors},
                      {"bytes_before", report.bytes_before},
                      {"bytes_after", report.bytes_after},
                      {"notes", report.notes}};
    fmt::print("{}\n", out.dump(2, ' ', false, json::error_handler_t::replace));
    return;
  }
  for (const auto& [type, count] : report.tensors) fmt::print("{:<14}{} tensors\n", type, count);
  fmt::print("{:<14}{:.1f} MB before, {:.1f} MB after\n", "size",
             static_cast<double>(report.bytes_before) / kMegabyte,
             static_cast<double>(report.bytes_after) / kMegabyte);
  fmt::print("{:<14}{}\n", "written", options.out);
}

}  // namespace

void add_convert(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* const command =
      app.add_subcommand("convert", "Convert a model between a Hugging Face folder and GGUF");
  command->add_option("IN", options->in, "A model folder, a .gguf file, or an embedded model")
      ->required();
  command->add_option("OUT", options->out, "A new file ending in .gguf, or a new folder")
      ->required();
  command->add_option("--type", options->type,
                      "Of the matrices: f32, f16, bf16 (default), and for GGUF q8_0, q6_k, q4_k, "
                      "q4_0, iq4_xs and others");
  command->add_flag("--json", options->as_json, "One JSON document");
  command->callback([options] { run(*options); });
}

}  // namespace tarn::cli
