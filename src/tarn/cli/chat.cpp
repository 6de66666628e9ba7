// tarn chat: a conversation in the terminal.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "tarn/base/error.h"
#include "tarn/cli/answer_printer.h"
#include "tarn/cli/chat_commands.h"
#include "tarn/cli/commands.h"
#include "tarn/cli/interrupt.h"
#include "tarn/cli/line_reader.h"
#include "tarn/cli/options.h"
#include "tarn/cli/speed_line.h"
#include "tarn/lm/model_path.h"
#include "tarn/lm/session.h"

namespace tarn::cli {
namespace {

struct Options {
  std::string model;
  std::string system;
  std::optional<bool> think;
  EngineOptions engine;
  SamplingOptions sampling;
};

void answer(const std::string& message, const LoadedModel& model, ChatState& state) {
  GenerateOptions generation = generate_options(state.sampling, model.defaults());
  const InterruptScope interrupt;
  generation.cancel = &interrupt.flag();
  AnswerPrinter printer;
  Reply reply;
  try {
    reply = state.session.answer(message, generation, [&](std::string_view text, bool reasoning) {
      printer.show(text, reasoning);
    });
  } catch (...) {
    printer.finish();
    throw;
  }
  printer.finish();
  if (reply.generated.finish_reason == FinishReason::cancelled) fmt::print("(stopped)\n");
  fmt::print("\n");
  state.last_stats = speed_line(reply.generated);
}

void run(const Options& options) {
  generate_options(options.sampling);  // wrong options are known before the model is loaded
  const LoadOptions load = apply(options.engine);
  const auto path = model_path(options.model);
  const LoadedModel model(path, load);
  Session session(model);
  session.set_system(options.system);
  session.set_thinking(options.think);
  ChatState state{session, options.sampling, {}, false};
  LineReader reader(state_file("history"));
  if (reader.interactive()) {
    const ModelSize& size = model.model().size();
    fmt::print("{}: {:.1f} M parameters, {}. /help lists the commands, Ctrl-D leaves.\n",
               model_name(path), static_cast<double>(size.parameters) / 1e6,
               human_bytes(static_cast<uint64_t>(size.weight_bytes)));
  }
  bool failed = false;
  std::string message;
  while (!state.finished) {
    const LineReader::Result result = read_message(reader, message);
    if (result == LineReader::Result::end) break;
    if (result == LineReader::Result::interrupted) {
      if (!reader.interactive()) break;
      continue;
    }
    if (message.find_first_not_of(" \t\n") == std::string::npos) continue;
    try {
      if (message.starts_with('/')) {
        chat_command(message, state);
      } else {
        answer(message, model, state);
      }
    } catch (const Error& error) {
      // The conversation goes on; a program that feeds the chat learns of it at the end.
      fmt::print(stderr, "tarn: {}\n", error.what());
      failed = true;
    }
    std::fflush(stdout);
  }
  if (failed && !reader.interactive()) {
    fail(ErrorCode::invalid_argument, "chat: not every line could be answered; see above");
  }
}

}  // namespace

void add_chat(CLI::App& app) {
  auto* command = app.add_subcommand("chat", "Talk with a model in the terminal");
  auto options = std::make_shared<Options>();
  command->add_option("model", options->model, "Model folder or name")->required();
  command->add_option("--system", options->system, "System message");
  command->add_flag("--think,!--no-think", options->think,
                    "Whether the model is to reason before it answers");
  add_sampling_options(*command, options->sampling);
  add_engine_options(*command, options->engine);
  command->footer(
      "Ctrl-C stops an answer, Ctrl-D leaves, /help lists the commands. Without a terminal, each\n"
      "line of stdin is a message or a command.\n\n"
      "Example: tarn chat pebble --system \"You answer in one word.\" --temperature 0.7");
  command->callback([options] { run(*options); });
}

}  // namespace tarn::cli
