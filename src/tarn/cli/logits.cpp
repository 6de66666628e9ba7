// tarn logits: the raw output of a model for a sequence of tokens, as a file.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "tarn/base/progress.h"
#include "tarn/cli/commands.h"
#include "tarn/cli/options.h"
#include "tarn/io/safetensors_writer.h"
#include "tarn/lm/model_path.h"

namespace tarn::cli {
namespace {

struct Options {
  std::string model;
  std::string tokens;
  std::string out;
  EngineOptions engine;
};

void run(const Options& options) {
  const std::vector<int32_t> tokens = parse_tokens(options.tokens, "--tokens");
  const LoadOptions load = apply(options.engine);
  const std::unique_ptr<Model> model = load_model(model_path(options.model), load);
  check_tokens(*model, tokens);
  const auto count = static_cast<int64_t>(tokens.size());
  SafetensorsWriter writer(options.out,
                           {{"logits", StorageType::f32, {count, model->config().vocab_size}}});
  // In chunks: logits of a long text with a large vocabulary need not fit into memory.
  constexpr int64_t chunk = 256;
  Progress progress("logits", tokens.size(), "tokens");
  Cache cache = model->make_cache();
  cache.expect(count);
  for (int64_t at = 0; at < count; at += chunk) {
    const int64_t end = std::min(count, at + chunk);
    const array logits =
        model->forward({tokens.begin() + at, tokens.begin() + end}, cache, LogitsFor::all_tokens);
    std::vector<array> wanted = cache.arrays();
    wanted.push_back(logits);
    eval(wanted);
    writer.append("logits", std::as_bytes(std::span(logits.data<float>(),
                                                    static_cast<size_t>(logits.size()))));
    progress.set(static_cast<uint64_t>(end));
  }
  writer.finish();
}

}  // namespace

void add_logits(CLI::App& app) {
  auto* command = app.add_subcommand("logits", "Write the logits of every token to a file");
  auto options = std::make_shared<Options>();
  command->add_option("model", options->model, "Model folder or name")->required();
  command->add_option("--tokens", options->tokens, "Token ids: 1,2,3")->required();
  command
      ->add_option("-o,--out", options->out,
                   "safetensors file to write: float32 \"logits\" [tokens, vocabulary]")
      ->required();
  options->engine.default_kv_type = KvType::f32;
  add_engine_options(*command, options->engine);
  command->footer("Example: tarn logits pebble --tokens 1,2,3 --exact --out logits.safetensors");
  command->callback([options] { run(*options); });
}

}  // namespace tarn::cli
