// A model folder ready for use: weights, tokenizer, chat template, and what its makers suggest.
#pragma once

#include <filesystem>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tarn/lm/generate.h"
#include "tarn/models/generation_config.h"
#include "tarn/models/model.h"
#include "tarn/text/chat_template.h"
#include "tarn/text/tokenizer.h"

namespace tarn {

class LoadedModel {
 public:
  // Errors as load_model's; a folder without tokenizer.json or chat template is not an error here.
  explicit LoadedModel(const std::filesystem::path& folder, const LoadOptions& options = {});
  // For tests: parts that were made elsewhere.
  LoadedModel(std::unique_ptr<Model> model, std::optional<text::Tokenizer> tokenizer,
              const std::string& chat_template, std::vector<int32_t> end_tokens);
  ~LoadedModel();
  LoadedModel(LoadedModel&&) noexcept;

  const Model& model() const { return *model_; }
  const std::filesystem::path& folder() const { return folder_; }
  const GenerationConfig& defaults() const { return defaults_; }
  // Any of them ends an answer: generation_config.json's, config.json's and the tokenizer's.
  const std::vector<int32_t>& end_tokens() const { return end_tokens_; }
  bool has_tokenizer() const { return tokenizer_.has_value(); }
  // Errors that say which file is missing and what can be done without it.
  const text::Tokenizer& tokenizer() const;
  const text::ChatTemplate& chat_template() const;
  // The template as it stands in the file; empty when there is none.
  const std::string& chat_template_source() const { return chat_template_source_; }
  // bos_token, eos_token and others, as templates see them.
  const nlohmann::ordered_json& template_variables() const { return *variables_; }
  bool has_chat_template() const { return chat_template_.has_value(); }

  // The text of a prompt. `messages` as templates see them: an array of {"role", "content", ...};
  // `tools` and `kwargs` may be null.
  std::string render(const nlohmann::ordered_json& messages, const nlohmann::ordered_json* tools,
                     const nlohmann::ordered_json* kwargs, bool add_generation_prompt) const;
  // Tells this model and its options from others (prompt caches). Computed on the first call.
  const std::string& fingerprint() const;

 private:
  void read_gguf();
  void use_tokenizer(text::Tokenizer tokenizer);
  void use_chat_template(const std::string& source, const std::string& name);
  void read_chat_template();
  void read_end_tokens();

  std::filesystem::path folder_;
  std::unique_ptr<Model> model_;
  std::optional<text::Tokenizer> tokenizer_;
  std::optional<text::ChatTemplate> chat_template_;
  std::string chat_template_source_;
  std::unique_ptr<nlohmann::ordered_json> variables_;  // bos_token, eos_token, ...
  GenerationConfig defaults_;
  std::vector<int32_t> end_tokens_;
  bool exact_ = false;
  mutable std::string fingerprint_;
};

// The tokenizer's stream of text for generate().
class DecodedText : public TokenText {
 public:
  explicit DecodedText(const text::Tokenizer& tokenizer, bool skip_special_tokens = true)
      : decoder_(tokenizer, skip_special_tokens) {}
  std::string push(int32_t token) override { return decoder_.push(token); }
  std::string finish() override { return decoder_.flush(); }

 private:
  text::StreamDecoder decoder_;
};

}  // namespace tarn
