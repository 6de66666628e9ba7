#include "tarn/lm/loaded_model.h"

#include <algorithm>

#include "tarn/base/error.h"
#include "tarn/base/file.h"
#include "tarn/base/json.h"
#include "tarn/base/log.h"
#include "tarn/io/gguf.h"
#include "tarn/lm/prompt_cache.h"
#include "tarn/text/gguf/tokenizer.h"

namespace tarn {
namespace {

constexpr uint64_t largest_json = uint64_t{64} << 20;

// tokenizer_config.json writes a token as text or as an object with its text.
std::optional<std::string> token_text(const ordered_json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_object()) {
    const auto content = value.find("content");
    if (content != value.end() && content->is_string()) return content->get<std::string>();
  }
  return std::nullopt;
}

// Of a list of named templates, the one called "default".
std::optional<std::string> template_text(const ordered_json& value, const std::string& source) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_array()) {
    for (const ordered_json& entry : value) {
      if (!entry.is_object() || entry.value("name", "") != "default") continue;
      const auto text = entry.find("template");
      if (text != entry.end() && text->is_string()) return text->get<std::string>();
    }
    logging::warn("{}: none of its chat templates is called \"default\"; there is no template now",
                  source);
  }
  return std::nullopt;
}

}  // namespace

LoadedModel::LoadedModel(const std::filesystem::path& folder, const LoadOptions& options)
    : folder_(folder),
      model_(load_model(folder, options)),
      variables_(std::make_unique<ordered_json>(ordered_json::object())),
      defaults_(load_generation_config(folder, model_->config())),
      exact_(options.exact) {
  if (std::filesystem::is_regular_file(folder) && is_gguf(folder)) {
    read_gguf();
  } else {
    if (std::filesystem::exists(folder / "tokenizer.json")) {
      use_tokenizer(text::Tokenizer::from_file(folder));
    }
    read_chat_template();
  }
  read_end_tokens();
}

LoadedModel::LoadedModel(std::unique_ptr<Model> model, std::optional<text::Tokenizer> tokenizer,
                         const std::string& chat_template, std::vector<int32_t> end_tokens)
    : model_(std::move(model)),
      tokenizer_(std::move(tokenizer)),
      variables_(std::make_unique<ordered_json>(ordered_json::object())),
      end_tokens_(std::move(end_tokens)),
      fingerprint_("test") {
  if (!chat_template.empty()) use_chat_template(chat_template, "chat_template");
}

LoadedModel::~LoadedModel() = default;
LoadedModel::LoadedModel(LoadedModel&&) noexcept = default;

void LoadedModel::read_gguf() {
  const GgufFile file = GgufFile::open(folder_);
  if (const auto made = text::gguf::tokenizer_json(file)) {
    use_tokenizer(text::Tokenizer::from_json(*made, folder_.string() + ": tokenizer"));
  }
  for (const auto& [variable, key] :
       {std::pair{"bos_token", "bos"}, std::pair{"eos_token", "eos"},
        std::pair{"unk_token", "unknown"}, std::pair{"pad_token", "padding"}}) {
    if (auto token = text::gguf::special_token(file, key)) (*variables_)[variable] = *token;
  }
  if (const auto source = text::gguf::chat_template(file)) {
    use_chat_template(*source, folder_.string() + ": tokenizer.chat_template");
  }
}

void LoadedModel::use_tokenizer(text::Tokenizer tokenizer) {
  tokenizer_ = std::move(tokenizer);
  const int64_t vocab = model_->config().vocab_size;
  if (tokenizer_->id_limit() > vocab) {
    logging::warn(
        "{}: the tokenizer knows ids up to {}, the model only {}; texts that need the others "
        "will be refused",
        folder_.string(), tokenizer_->id_limit() - 1, vocab - 1);
  }
}

void LoadedModel::read_chat_template() {
  std::optional<std::string> source;
  std::string name;
  const auto config_path = folder_ / "tokenizer_config.json";
  if (std::filesystem::exists(config_path)) {
    name = config_path.string();
    const ordered_json config = parse_ordered_json(read_file(config_path, largest_json), name);
    if (!config.is_object()) {
      fail(ErrorCode::corrupt, "{}: it is not a JSON object; replace the file", name);
    }
    for (const auto& [key, value] : config.items()) {
      if (!key.ends_with("_token")) continue;
      if (auto text = token_text(value)) (*variables_)[key] = *text;
    }
    const auto found = config.find("chat_template");
    if (found != config.end()) source = template_text(*found, name);
  }
  const auto file = folder_ / "chat_template.jinja";
  if (std::filesystem::exists(file)) {
    name = file.string();
    source = read_file(file, largest_json);
  }
  if (source) use_chat_template(*source, name);
}

void LoadedModel::use_chat_template(const std::string& source, const std::string& name) {
  chat_template_.emplace(source, name);
  chat_template_source_ = source;
}

void LoadedModel::read_end_tokens() {
  std::vector<int64_t> ids = defaults_.eos_token_ids;
  const std::vector<int64_t>& more = model_->config().eos_token_ids;
  ids.insert(ids.end(), more.begin(), more.end());
  const auto text = variables_->find("eos_token");
  if (tokenizer_ && text != variables_->end()) {
    if (const auto id = tokenizer_->token_to_id(text->get<std::string>())) ids.push_back(*id);
  }
  for (const int64_t id : ids) {
    if (id < 0 || id >= model_->config().vocab_size) continue;
    const auto token = static_cast<int32_t>(id);
    if (std::find(end_tokens_.begin(), end_tokens_.end(), token) == end_tokens_.end()) {
      end_tokens_.push_back(token);
    }
  }
}

const text::Tokenizer& LoadedModel::tokenizer() const {
  if (!tokenizer_) {
    fail(ErrorCode::not_found,
         "{}: it has no tokenizer.json, so text cannot become tokens; add the file, or use `tarn "
         "generate --tokens`",
         folder_.string());
  }
  return *tokenizer_;
}

const text::ChatTemplate& LoadedModel::chat_template() const {
  if (!chat_template_) {
    fail(ErrorCode::not_found,
         "{}: it has no chat template (chat_template.jinja, or \"chat_template\" in "
         "tokenizer_config.json); add one, or use --raw to continue plain text",
         folder_.string());
  }
  return *chat_template_;
}

std::string LoadedModel::render(const ordered_json& messages, const ordered_json* tools,
                                const ordered_json* kwargs, bool add_generation_prompt) const {
  text::ChatInputs inputs;
  inputs.messages = &messages;
  inputs.tools = tools;
  inputs.kwargs = kwargs;
  inputs.variables = variables_.get();
  inputs.add_generation_prompt = add_generation_prompt;
  return chat_template().render(inputs);
}

const std::string& LoadedModel::fingerprint() const {
  if (fingerprint_.empty()) {
    fingerprint_ = model_fingerprint(folder_) + (exact_ ? " exact" : "");
  }
  return fingerprint_;
}

}  // namespace tarn
