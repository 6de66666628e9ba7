#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "tarn/base/error.h"
#include "tarn/cli/commands.h"
#include "tarn/cli/jsonl.h"
#include "tarn/text/tokenizer.h"

namespace tarn::cli {
namespace {

struct Options {
  std::string model;
  std::vector<int32_t> ids;
  bool jsonl = false;
  bool keep_special_tokens = false;
};

std::vector<int32_t> ids_field(const json& request) {
  const auto it = request.find("ids");
  if (it == request.end() || !it->is_array()) {
    fail(ErrorCode::invalid_argument, "\"ids\" must be a list of whole numbers");
  }
  std::vector<int32_t> out;
  out.reserve(it->size());
  for (const json& id : *it) {
    if (!id.is_number_unsigned() || id.get<uint64_t>() > INT32_MAX) {
      fail(ErrorCode::invalid_argument, "\"ids\" must hold whole numbers from 0 to {}, found {}",
           INT32_MAX, id.dump());
    }
    out.push_back(id.get<int32_t>());
  }
  return out;
}

void run(const Options& options) {
  const auto tokenizer = text::Tokenizer::from_file(options.model);
  const bool skip = !options.keep_special_tokens;
  if (options.jsonl) {
    return answer_lines(std::cin, std::cout, "detokenize", [&](const json& request) {
      const bool skip_this = request_flag(request, "skip_special_tokens", skip);
      return json{{"text", tokenizer.decode(ids_field(request), skip_this)}};
    });
  }
  std::vector<int32_t> ids = options.ids;
  if (ids.empty()) {
    int32_t id = 0;
    while (std::cin >> id) ids.push_back(id);
    if (!std::cin.eof()) {
      fail(ErrorCode::invalid_argument,
           "detokenize: standard input must hold ids separated by spaces");
    }
  }
  std::cout << tokenizer.decode(ids, skip) << '\n';
}

}  // namespace

void add_detokenize(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("detokenize", "Turn token ids back into text");
  command->add_option("model", options->model, "tokenizer.json or a folder that holds one")
      ->required();
  auto* ids = command->add_option("ids", options->ids, "The ids (default: standard input)");
  command
      ->add_flag("--jsonl", options->jsonl,
                 "Standard input holds one request a line, {\"ids\": [...], "
                 "\"skip_special_tokens\": true}; each is answered by {\"text\": ...}")
      ->excludes(ids);
  command->add_flag("--keep-special-tokens", options->keep_special_tokens,
                    "Keep special tokens in the text (default: skip them); a request's own "
                    "\"skip_special_tokens\" goes before");
  command->callback([options] { run(*options); });
}

}  // namespace tarn::cli
