// tarn generate: token ids in, token ids out; for programs and checks.
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "tarn/base/error.h"
#include "tarn/base/json.h"
#include "tarn/cli/commands.h"
#include "tarn/cli/interrupt.h"
#include "tarn/cli/options.h"
#include "tarn/lm/model_path.h"

namespace tarn::cli {
namespace {

struct Options {
  std::string model;
  std::string tokens;
  bool json = false;
  bool ignore_eos = false;
  int64_t logprobs = -1;
  EngineOptions engine;
  SamplingOptions sampling;
};

json logprobs_json(const std::vector<Logprobs>& logprobs, const std::vector<int32_t>& tokens) {
  json list = json::array();
  for (size_t i = 0; i < logprobs.size(); ++i) {
    json top = json::array();
    for (const TokenLogprob& t : logprobs[i].top) {
      top.push_back({{"token", t.token}, {"logprob", t.logprob}});
    }
    list.push_back({{"token", tokens[i]}, {"logprob", logprobs[i].logprob}, {"top", top}});
  }
  return list;
}

void run(const Options& options) {
  const std::vector<int32_t> prompt = parse_tokens(options.tokens, "--tokens");
  GenerateOptions generation = generate_options(options.sampling);
  const LoadOptions load = apply(options.engine);
  const LoadedModel model(model_path(options.model), load);
  std::optional<DecodedText> text;
  if (model.has_tokenizer()) generation.text = &text.emplace(model.tokenizer());
  generation.end_tokens = model.end_tokens();
  generation.ignore_end = options.ignore_eos;
  generation.top_logprobs = options.logprobs;
  const InterruptScope interrupt;
  generation.cancel = &interrupt.flag();
  Cache cache = model.model().make_cache();
  const Generated result = generate(model.model(), cache, prompt, generation);
  if (options.json) {
    json out{{"tokens", result.tokens},
             {"text", result.text},
             {"finish_reason", name(result.finish_reason)}};
    if (options.logprobs >= 0) out["logprobs"] = logprobs_json(result.logprobs, result.tokens);
    fmt::print("{}\n", out.dump(-1, ' ', false, json::error_handler_t::replace));
  } else {
    fmt::print("{}\n", fmt::join(result.tokens, ","));
    if (!result.text.empty()) fmt::print("{}\n", result.text);
  }
  if (result.finish_reason == FinishReason::cancelled) {
    fail(ErrorCode::cancelled, "generate: it was interrupted after {} tokens; run it again for all",
         result.tokens.size());
  }
}

}  // namespace

void add_generate(CLI::App& app) {
  auto* command = app.add_subcommand("generate", "Continue a sequence of token ids");
  auto options = std::make_shared<Options>();
  command->add_option("model", options->model, "Model folder or name")->required();
  command->add_option("--tokens", options->tokens, "Token ids of the prompt: 1,2,3")->required();
  command->add_flag("--json", options->json,
                    R"(Print {"tokens":[...],"text":"...","finish_reason":"stop|length"})");
  command->add_flag("--ignore-eos", options->ignore_eos, "Go on behind end tokens");
  command
      ->add_option("--logprobs", options->logprobs,
                   "With --json: log-probability of each token and of the N likeliest")
      ->check(CLI::Range(0, 1000));
  add_sampling_options(*command, options->sampling);
  options->engine.default_kv_type = KvType::f32;
  add_engine_options(*command, options->engine);
  command->footer(
      "Greedy unless a temperature is given; the model's own generation settings are not used,\n"
      "but for its end tokens. Works without a tokenizer: then the text is empty.\n\n"
      "Example: tarn generate pebble --tokens 4088,366,198 -n 24 --json");
  command->callback([options] { run(*options); });
}

}  // namespace tarn::cli
