// tarn run: one question, one answer, streamed.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <iostream>
#include <iterator>
#include <memory>

#include "tarn/base/error.h"
#include "tarn/base/file.h"
#include "tarn/base/json.h"
#include "tarn/cli/answer_printer.h"
#include "tarn/cli/commands.h"
#include "tarn/cli/interrupt.h"
#include "tarn/cli/options.h"
#include "tarn/cli/speed_line.h"
#include "tarn/lm/model_path.h"
#include "tarn/lm/session.h"

namespace tarn::cli {
namespace {

struct Options {
  std::string model;
  std::optional<std::string> prompt;
  std::string system;
  std::string tools;
  std::string prompt_cache;
  std::optional<bool> think;
  bool raw = false;
  bool json = false;
  bool stats = false;
  EngineOptions engine;
  SamplingOptions sampling;
};

std::string read_prompt(const Options& options) {
  std::string text;
  if (options.prompt) {
    text = *options.prompt;
  } else if (::isatty(STDIN_FILENO) == 0) {
    text.assign(std::istreambuf_iterator<char>(std::cin), {});
    while (text.ends_with('\n')) text.pop_back();
  }
  if (text.empty()) {
    usage_error("--prompt", "there is no question; give -p TEXT, or pipe text into the command");
  }
  return text;
}

// Plain text continued, without a template.
Reply continue_text(const LoadedModel& model, const std::string& text, GenerateOptions generation,
                    PrefixCache& store, bool keep_prompt, const ReasoningSplitter::Show& show) {
  std::vector<int32_t> sequence = model.tokenizer().encode(text, true).ids;
  check_prompt(model.model(), sequence, generation);
  DecodedText decoded(model.tokenizer());
  generation.text = &decoded;
  generation.end_tokens = model.end_tokens();
  // The same prompt can come back to this.
  const auto length = static_cast<int64_t>(sequence.size());
  if (keep_prompt && !store.trims() && length > 1) generation.snapshots = {length - 1};
  Cache cache = store.take(sequence);
  Reply reply;
  reply.generated = generate(model.model(), cache, sequence, generation, [&](const TokenEvent& e) {
    if (show && !e.text.empty()) show(e.text, false);
    return true;
  });
  reply.answer = reply.generated.text;
  const std::vector<int32_t>& tokens = reply.generated.tokens;
  sequence.insert(sequence.end(), tokens.begin(), tokens.end());
  sequence.resize(static_cast<size_t>(cache.position()));
  store.keep(std::move(sequence), std::move(cache), std::move(reply.generated.snapshots));
  return reply;
}

void print_json(const Reply& reply) {
  const Generated& g = reply.generated;
  json out{{"text", reply.answer},
           {"finish_reason", name(g.finish_reason)},
           {"prompt_tokens", g.prompt_tokens},
           {"cached_tokens", g.cached_tokens},
           {"generated_tokens", g.tokens.size()},
           {"prefill_seconds", g.prefill_seconds},
           {"first_token_seconds", g.first_token_seconds},
           {"decode_seconds", g.decode_seconds}};
  if (!reply.reasoning.empty()) out["reasoning"] = reply.reasoning;
  fmt::print("{}\n", out.dump(-1, ' ', false, json::error_handler_t::replace));
}

void run(const Options& options) {
  const std::string prompt = read_prompt(options);
  generate_options(options.sampling);  // wrong options are known before the model is loaded
  const LoadOptions load = apply(options.engine);
  const LoadedModel model(model_path(options.model), load);
  GenerateOptions generation = generate_options(options.sampling, model.defaults());
  const InterruptScope interrupt;
  generation.cancel = &interrupt.flag();

  std::unique_ptr<Session> session;
  PrefixCache plain(model.model());
  if (!options.raw) {
    session = std::make_unique<Session>(model);
    session->set_system(options.system);
    session->set_thinking(options.think);
    if (!options.tools.empty()) {
      session->set_tools(parse_ordered_json(read_file(options.tools, 1U << 24U), options.tools));
    }
  }
  PrefixCache& store = session ? session->cache() : plain;
  const bool caches = !options.prompt_cache.empty();
  if (caches && std::filesystem::exists(options.prompt_cache)) {
    store.load(options.prompt_cache, model.fingerprint());
  }

  AnswerPrinter printer;
  ReasoningSplitter::Show show;
  if (!options.json) {
    show = [&](std::string_view text, bool reasoning) { printer.show(text, reasoning); };
  }
  const Reply reply = session ? session->answer(prompt, generation, show)
                              : continue_text(model, prompt, generation, store, caches, show);
  if (options.json) {
    print_json(reply);
  } else {
    printer.finish();
  }
  if (options.stats) fmt::print(stderr, "{}\n", speed_line(reply.generated));
  if (reply.generated.finish_reason == FinishReason::cancelled) {
    fail(ErrorCode::cancelled, "run: it was interrupted after {} tokens; run it again for all",
         reply.generated.tokens.size());
  }
  if (caches) store.save(options.prompt_cache, model.fingerprint());
}

}  // namespace

void add_run(CLI::App& app) {
  auto* command = app.add_subcommand("run", "Ask one question and stream the answer");
  auto options = std::make_shared<Options>();
  command->add_option("model", options->model, "Model folder or name")->required();
  command->add_option("-p,--prompt", options->prompt, "The question (default: read from stdin)");
  auto* system = command->add_option("--system", options->system, "System message");
  auto* think = command->add_flag("--think,!--no-think", options->think,
                                  "Whether the model is to reason before it answers");
  auto* tools = command->add_option("--tools", options->tools,
                                    "JSON file with an array of functions that it may call");
  command->add_flag("--raw", options->raw, "Continue the text itself, without the chat template")
      ->excludes(system)
      ->excludes(think)
      ->excludes(tools);
  command->add_option(
      "--prompt-cache", options->prompt_cache,
      "File that keeps what the model remembers of the prompt: read if it is there, "
      "written at the end");
  command->add_flag("--json", options->json, "Print one JSON document instead of streaming");
  command->add_flag("--stats", options->stats, "Print speed and memory to stderr at the end");
  add_sampling_options(*command, options->sampling);
  add_engine_options(*command, options->engine);
  command->footer(
      "Settings that are not given come from the model's generation_config.json.\n\n"
      "Examples: tarn run pebble -p \"What is 17 + 25?\"\n"
      "          tarn run pebble --raw -n 50 < story.txt");
  command->callback([options] { run(*options); });
}

}  // namespace tarn::cli
