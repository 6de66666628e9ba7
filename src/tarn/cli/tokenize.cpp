#include <CLI/CLI.hpp>
#include <iostream>
#include <iterator>
#include <memory>
#include <optional>
#include <string>

#include "tarn/base/error.h"
#include "tarn/cli/commands.h"
#include "tarn/cli/jsonl.h"
#include "tarn/text/tokenizer.h"

namespace tarn::cli {
namespace {

struct Options {
  std::string model;
  std::optional<std::string> text;
  bool jsonl = false;
  bool no_special_tokens = false;
};

const std::string& text_field(const json& request, const char* key) {
  const auto it = request.find(key);
  if (it == request.end() || !it->is_string()) {
    fail(ErrorCode::invalid_argument, "\"{}\" must be a string", key);
  }
  return it->get_ref<const std::string&>();
}

json answer(const text::Tokenizer& tokenizer, const json& request, bool special_by_default) {
  const std::string& text = text_field(request, "text");
  const bool special = request_flag(request, "add_special_tokens", special_by_default);
  const bool pair = request.contains("pair") && !request.at("pair").is_null();
  const text::Encoding encoding =
      pair ? tokenizer.encode_pair(text, text_field(request, "pair"), special)
           : tokenizer.encode(text, special);
  json out{{"ids", encoding.ids}, {"offsets", encoding.offsets}};
  if (pair) out["type_ids"] = encoding.type_ids;
  return out;
}

// A line a token: id, offsets, the token as a JSON string.
void print_tokens(const text::Encoding& encoding) {
  for (size_t i = 0; i < encoding.size(); ++i) {
    const auto [begin, end] = encoding.offsets[i];
    std::cout << fmt::format("{:>8}  {:>12}  {}\n", encoding.ids[i],
                             fmt::format("{}-{}", begin, end), json(encoding.tokens[i]).dump());
  }
  std::cout << fmt::format("{} tokens\n", encoding.size());
}

void run(const Options& options) {
  const auto tokenizer = text::Tokenizer::from_file(options.model);
  const bool special = !options.no_special_tokens;
  if (options.jsonl) {
    return answer_lines(std::cin, std::cout, "tokenize",
                        [&](const json& request) { return answer(tokenizer, request, special); });
  }
  const std::string text =
      options.text ? *options.text : std::string(std::istreambuf_iterator<char>(std::cin), {});
  print_tokens(tokenizer.encode(text, special));
}

}  // namespace

void add_tokenize(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("tokenize", "Show or write the tokens of a text");
  command->add_option("model", options->model, "tokenizer.json or a folder that holds one")
      ->required();
  auto* text = command->add_option("text", options->text, "The text (default: standard input)");
  command
      ->add_flag(
          "--jsonl", options->jsonl,
          "Standard input holds one request a line, {\"text\": ..., \"pair\": ... (optional), "
          "\"add_special_tokens\": true}; each is answered by {\"ids\": [...], \"offsets\": "
          "[[begin, end], ...]}, with \"type_ids\" for a pair; offsets count code points")
      ->excludes(text);
  command->add_flag(
      "--no-special-tokens", options->no_special_tokens,
      "Do not add the special tokens around the text (default: add them); a request's "
      "own \"add_special_tokens\" goes before");
  command->callback([options] { run(*options); });
}

}  // namespace tarn::cli
