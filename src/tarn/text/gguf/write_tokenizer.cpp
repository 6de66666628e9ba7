#include <algorithm>
#include <array>
#include <cmath>
#include <unordered_map>

#include "tarn/base/error.h"
#include "tarn/base/json.h"
#include "tarn/text/gguf/pre_tokenizers.h"
#include "tarn/text/gguf/token_type.h"
#include "tarn/text/gguf/tokenizer.h"

namespace tarn::text::gguf {
namespace {

constexpr std::string_view space = "\xe2\x96\x81";  // U+2581
constexpr int64_t most_tokens = int64_t{1} << 24;

struct Tokens {
  std::vector<std::string> texts;
  std::vector<int32_t> types;
  std::vector<float> scores;
  std::unordered_map<std::string, int32_t> ids;

  void set(int64_t id, std::string text, TokenType type) {
    if (id < 0 || id >= most_tokens) {
      fail(ErrorCode::corrupt, "tokenizer.json: a token has the id {}: correct the file", id);
    }
    const auto at = static_cast<size_t>(id);
    if (at >= texts.size()) {
      texts.resize(at + 1);
      types.resize(at + 1, static_cast<int32_t>(TokenType::unused));
      scores.resize(at + 1);
    }
    ids[text] = static_cast<int32_t>(id);
    texts[at] = std::move(text);
    types[at] = static_cast<int32_t>(type);
  }
  // Ids without a token get one that no text contains.
  void fill_up(int64_t count) {
    if (count > 0 && static_cast<size_t>(count) > texts.size()) {
      texts.resize(static_cast<size_t>(count));
      types.resize(texts.size(), static_cast<int32_t>(TokenType::unused));
      scores.resize(texts.size());
    }
    for (size_t i = 0; i < texts.size(); ++i) {
      if (texts[i].empty()) texts[i] = fmt::format("[PAD{}]", i);
    }
  }
};

const ordered_json& member(const ordered_json& object, const char* key) {
  static const ordered_json none;
  if (!object.is_object()) return none;
  const auto found = object.find(key);
  return found == object.end() ? none : *found;
}

std::string text_of(const ordered_json& value) {
  return value.is_string() ? value.get<std::string>() : std::string();
}

// "type" of the step itself or of any within a sequence.
bool has_step(const ordered_json& step, const char* type, const char* list) {
  if (text_of(member(step, "type")) == type) return true;
  const ordered_json& steps = member(step, list);
  return steps.is_array() && std::any_of(steps.begin(), steps.end(), [&](const ordered_json& one) {
           return has_step(one, type, list);
         });
}

std::vector<std::string> splits_of(const ordered_json& pre_tokenizer) {
  std::vector<std::string> splits;
  const ordered_json& list = member(pre_tokenizer, "pretokenizers");
  const ordered_json steps = list.is_array() ? list : ordered_json::array({pre_tokenizer});
  for (const ordered_json& step : steps) {
    const std::string type = text_of(member(step, "type"));
    if (type == "Split") splits.push_back(text_of(member(member(step, "pattern"), "Regex")));
    if (type == "Digits") splits.emplace_back("\\p{N}");
    if (type == "ByteLevel" && member(step, "use_regex") == true) {
      splits.emplace_back(find_pre_tokenizer("gpt-2")->splits.front());
    }
  }
  return splits;
}

// Line breaks of a pattern may be written as such or escaped.
std::string without_line_breaks(std::string_view pattern) {
  std::string result;
  for (const char c : pattern) result += c == '\r' ? "\\r" : c == '\n' ? "\\n" : std::string(1, c);
  return result;
}

const PreTokenizer* recognize(const ordered_json& tokenizer) {
  std::vector<std::string> splits = splits_of(member(tokenizer, "pre_tokenizer"));
  for (std::string& split : splits) split = without_line_breaks(split);
  const bool nfc = has_step(member(tokenizer, "normalizer"), "NFC", "normalizers");
  for (const PreTokenizer& one : pre_tokenizers()) {
    const bool same = one.nfc == nfc && std::equal(splits.begin(), splits.end(), one.splits.begin(),
                                                   one.splits.end());
    if (same) return &one;
  }
  return nullptr;
}

bool is_byte_token(std::string_view text) {
  return text.size() == 6 && text.starts_with("<0x") && text.ends_with(">");
}

void add_vocabulary(const ordered_json& model, bool sentencepiece, Tokens& tokens) {
  const ordered_json& vocab = member(model, "vocab");
  const std::string unknown = text_of(member(model, "unk_token"));
  const auto type_of = [&](const std::string& text) {
    if (!unknown.empty() && text == unknown) return TokenType::unknown;
    return sentencepiece && is_byte_token(text) ? TokenType::byte : TokenType::normal;
  };
  if (vocab.is_object()) {
    for (const auto& [text, id] : vocab.items()) {
      if (id.is_number_integer()) tokens.set(id.get<int64_t>(), text, type_of(text));
    }
    return;
  }
  for (size_t id = 0; id < vocab.size(); ++id) {  // Unigram: [text, score]
    const ordered_json& entry = vocab[id];
    if (!entry.is_array() || entry.size() != 2 || !entry[1].is_number()) continue;
    const bool is_unknown = member(model, "unk_id") == id;
    tokens.set(static_cast<int64_t>(id), text_of(entry[0]),
               is_unknown ? TokenType::unknown : type_of(text_of(entry[0])));
    tokens.scores[id] = entry[1].get<float>();
  }
}

void add_added_tokens(const ordered_json& tokenizer, Tokens& tokens) {
  for (const ordered_json& added : member(tokenizer, "added_tokens")) {
    const ordered_json& id = member(added, "id");
    if (!id.is_number_integer()) continue;
    const bool special = member(added, "special") == true;
    const auto at = static_cast<size_t>(std::max<int64_t>(0, id.get<int64_t>()));
    const bool unknown =
        at < tokens.types.size() && tokens.types[at] == static_cast<int32_t>(TokenType::unknown);
    tokens.set(id.get<int64_t>(), text_of(member(added, "content")),
               unknown   ? TokenType::unknown
               : special ? TokenType::control
                         : TokenType::user_defined);
  }
}

std::vector<std::string> merges_of(const ordered_json& model) {
  std::vector<std::string> merges;
  for (const ordered_json& merge : member(model, "merges")) {
    if (merge.is_string()) merges.push_back(merge.get<std::string>());
    if (merge.is_array() && merge.size() == 2) {
      merges.push_back(text_of(merge[0]) + " " + text_of(merge[1]));
    }
  }
  return merges;
}

// A token's score falls with the rank of the first merge that makes it.
void score_by_merges(const ordered_json& model, Tokens& tokens) {
  float rank = 0;
  for (const ordered_json& merge : member(model, "merges")) {
    std::string whole;
    if (merge.is_array() && merge.size() == 2) whole = text_of(merge[0]) + text_of(merge[1]);
    if (merge.is_string()) {
      whole = merge.get<std::string>();
      if (const size_t cut = whole.find(' ', 1); cut != whole.npos) whole.erase(cut, 1);
    }
    const auto found = tokens.ids.find(whole);
    rank += 1;
    if (found == tokens.ids.end()) continue;
    float& score = tokens.scores[static_cast<size_t>(found->second)];
    if (score == 0) score = -rank;
  }
  for (size_t id = 0; id < tokens.scores.size(); ++id) {  // single characters come last
    const bool made = tokens.scores[id] != 0;
    if (!made && tokens.types[id] == static_cast<int32_t>(TokenType::normal)) {
      tokens.scores[id] = -rank - 1;
    }
  }
}

// GGUF marks the tokens that begin a word; WordPiece those that do not.
void mark_words(Tokens& tokens) {
  for (size_t id = 0; id < tokens.texts.size(); ++id) {
    std::string& text = tokens.texts[id];
    if (tokens.types[id] != static_cast<int32_t>(TokenType::normal)) continue;
    if (text.starts_with("##")) {
      text.erase(0, 2);
    } else {
      text.insert(0, space);
    }
  }
}

// The token that stands first, or last, in what is put around a text.
std::string around(const ordered_json& processor, bool first) {
  const ordered_json& list = member(processor, "processors");
  if (list.is_array()) {
    for (const ordered_json& one : list) {
      if (std::string found = around(one, first); !found.empty()) return found;
    }
    return {};
  }
  const ordered_json& single = member(processor, "single");
  if (!single.is_array() || single.empty()) return {};
  const ordered_json& piece = first ? single.front() : single.back();
  return text_of(member(member(piece, "SpecialToken"), "id"));
}

// tokenizer_config.json has a token as text or as an object with its text.
std::string token_of(const ordered_json& config, const char* key) {
  const ordered_json& value = member(config, key);
  return value.is_object() ? text_of(member(value, "content")) : text_of(value);
}

void add_special_ids(const ordered_json& tokenizer, const ordered_json& config,
                     const Tokens& tokens, GgufMetadata& metadata) {
  struct Special {
    const char* config_key;
    const char* gguf_key;
  };
  constexpr std::array kinds{Special{"bos_token", "bos"},     Special{"eos_token", "eos"},
                             Special{"unk_token", "unknown"}, Special{"sep_token", "seperator"},
                             Special{"pad_token", "padding"}, Special{"cls_token", "cls"},
                             Special{"mask_token", "mask"}};
  const ordered_json& processor = member(tokenizer, "post_processor");
  const std::string first = around(processor, true);
  const std::string last = around(processor, false);
  for (const Special& kind : kinds) {
    std::string text = token_of(config, kind.config_key);
    const std::string_view key = kind.gguf_key;
    if (text.empty() && key == "bos") text = first;
    if (text.empty() && key == "eos") text = last;
    if (text.empty() && key == "unknown")
      text = text_of(member(member(tokenizer, "model"), "unk_token"));
    const auto found = tokens.ids.find(text);
    if (text.empty() || found == tokens.ids.end()) continue;
    metadata.add_u32("tokenizer.ggml." + std::string(key) + "_token_id",
                     static_cast<uint32_t>(found->second));
  }
  metadata.add_bool("tokenizer.ggml.add_bos_token",
                    !first.empty() || member(config, "add_bos_token") == true);
  metadata.add_bool("tokenizer.ggml.add_eos_token", !last.empty());
}

}  // namespace

std::string template_of_config(std::string_view config_text) {
  if (config_text.empty()) return {};
  const ordered_json config = parse_ordered_json(config_text, "tokenizer_config.json");
  const ordered_json& value = member(config, "chat_template");
  if (!value.is_array()) return text_of(value);
  for (const ordered_json& one : value) {  // of named ones the default
    if (text_of(member(one, "name")) == "default") return text_of(member(one, "template"));
  }
  return {};
}

std::string add_tokenizer(std::string_view json_text, std::string_view config_text,
                          int64_t vocab_size, GgufMetadata& metadata) {
  const ordered_json tokenizer = parse_ordered_json(json_text, "tokenizer.json");
  const ordered_json config = config_text.empty()
                                  ? ordered_json::object()
                                  : parse_ordered_json(config_text, "tokenizer_config.json");
  const ordered_json& model = member(tokenizer, "model");
  const std::string type = text_of(member(model, "type"));
  const bool byte_level =
      has_step(member(tokenizer, "pre_tokenizer"), "ByteLevel", "pretokenizers");
  const bool sentencepiece = type == "BPE" && !byte_level;
  std::string note;
  Tokens tokens;
  add_vocabulary(model, sentencepiece, tokens);
  add_added_tokens(tokenizer, tokens);
  tokens.fill_up(vocab_size);
  std::string name = "gpt2";
  if (sentencepiece) {
    name = "llama";
    score_by_merges(model, tokens);
  } else if (type == "WordPiece") {
    name = "bert";
    mark_words(tokens);
  } else if (type == "Unigram") {
    name = "t5";
  } else if (type != "BPE") {
    fail(ErrorCode::unsupported,
         "tokenizer.json: GGUF has no tokenizer of type \"{}\"; it has BPE, WordPiece and Unigram",
         type);
  }
  metadata.add_string("tokenizer.ggml.model", name);
  if (name == "gpt2") {
    const PreTokenizer* pre = recognize(tokenizer);
    if (pre == nullptr) {
      note =
          "its pre-tokenizer is not one that GGUF has a name for: llama.cpp will cut text as "
          "GPT-2 does";
    }
    metadata.add_string("tokenizer.ggml.pre",
                        std::string(pre == nullptr ? "default" : pre->names.front()));
    metadata.add_strings("tokenizer.ggml.merges", merges_of(model));
  }
  const bool prefix =
      has_step(member(tokenizer, "normalizer"), "Prepend", "normalizers") ||
      text_of(member(member(tokenizer, "pre_tokenizer"), "prepend_scheme")) == "always";
  if (name == "llama" || name == "t5") {
    metadata.add_bool("tokenizer.ggml.add_space_prefix", prefix);
    metadata.add_f32s("tokenizer.ggml.scores", tokens.scores);
  }
  if (name == "t5" && member(tokenizer, "normalizer").is_object()) {
    metadata.add_bool("tokenizer.ggml.remove_extra_whitespaces",
                      has_step(member(tokenizer, "normalizer"), "Replace", "normalizers"));
    note = "its normalizer is in tokenizer.huggingface.json only, which llama.cpp does not read";
  }
  add_special_ids(tokenizer, config, tokens, metadata);
  metadata.add_strings("tokenizer.ggml.tokens", std::move(tokens.texts));
  metadata.add_i32s("tokenizer.ggml.token_type", std::move(tokens.types));
  metadata.add_string("tokenizer.huggingface.json", std::string(json_text));
  return note;
}

}  // namespace tarn::text::gguf
