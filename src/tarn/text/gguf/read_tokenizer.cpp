#include <algorithm>
#include <limits>
#include <unordered_map>

#include "tarn/base/error.h"
#include "tarn/base/json.h"
#include "tarn/base/log.h"
#include "tarn/io/quote.h"
#include "tarn/text/gguf/pre_tokenizers.h"
#include "tarn/text/gguf/token_type.h"
#include "tarn/text/gguf/tokenizer.h"

namespace tarn::text::gguf {
namespace {

constexpr const char* remedy = "download or convert the file again";
constexpr std::string_view space = "\xe2\x96\x81";  // U+2581
constexpr size_t most_tokens = size_t{1} << 24;

std::string key_of(std::string_view name) { return "tokenizer.ggml." + std::string(name); }

class Source {
 public:
  explicit Source(const GgufFile& file) : file_(file) {
    tokens_ = strings("tokens");
    if (tokens_ == nullptr || tokens_->empty()) broken("tokens", "is missing or empty");
    if (tokens_->size() > most_tokens) broken("tokens", "has too many entries");
    types_ = integers("token_type");
    if (types_ != nullptr && types_->size() != tokens_->size()) {
      broken("token_type", "has not as many entries as there are tokens");
    }
    if (const GgufArray* array = file_.get_array(key_of("scores"))) {
      scores_ = std::get_if<std::vector<double>>(&array->values);
      if (scores_ == nullptr || scores_->size() != tokens_->size()) {
        broken("scores", "is not a number for each token");
      }
    }
  }

  [[noreturn]] void broken(std::string_view key, const std::string& why) const {
    fail(ErrorCode::corrupt, "{}: \"{}\" {}: {}", file_.path().string(), key_of(key), why, remedy);
  }

  const GgufFile& file() const { return file_; }
  const std::vector<std::string_view>& tokens() const { return *tokens_; }
  TokenType type(size_t id) const {
    return types_ == nullptr ? TokenType::normal : static_cast<TokenType>((*types_)[id]);
  }
  double score(size_t id) const { return scores_ == nullptr ? 0 : (*scores_)[id]; }
  bool has_scores() const { return scores_ != nullptr; }
  const std::vector<std::string_view>* strings(std::string_view key) const {
    const GgufArray* array = file_.get_array(key_of(key));
    if (array == nullptr) return nullptr;
    const auto* values = std::get_if<std::vector<std::string_view>>(&array->values);
    if (values == nullptr && array->size() > 0) broken(key, "does not hold texts");
    return values;
  }
  // An id, of a token that exists.
  std::optional<size_t> id(std::string_view key) const {
    const auto value = file_.get_int(key_of(std::string(key) + "_token_id"));
    if (!value) return std::nullopt;
    if (*value < 0 || static_cast<uint64_t>(*value) >= tokens_->size()) {
      if (*value == -1 || *value == std::numeric_limits<uint32_t>::max()) return std::nullopt;
      broken(std::string(key) + "_token_id",
             fmt::format("is {}, and there are {} tokens", *value, tokens_->size()));
    }
    return static_cast<size_t>(*value);
  }
  bool flag(std::string_view key, bool absent) const {
    return file_.get_bool(key_of(key)).value_or(absent);
  }

 private:
  const std::vector<int64_t>* integers(std::string_view key) const {
    const GgufArray* array = file_.get_array(key_of(key));
    if (array == nullptr) return nullptr;
    const auto* values = std::get_if<std::vector<int64_t>>(&array->values);
    if (values == nullptr) broken(key, "does not hold whole numbers");
    return values;
  }
  const GgufFile& file_;
  const std::vector<std::string_view>* tokens_ = nullptr;
  const std::vector<int64_t>* types_ = nullptr;
  const std::vector<double>* scores_ = nullptr;
};

ordered_json text(std::string_view value) { return std::string(value); }

// Tokens that are found in the text as they are written.
ordered_json added_tokens(const Source& source, bool with_unknown) {
  ordered_json added = ordered_json::array();
  for (size_t id = 0; id < source.tokens().size(); ++id) {
    const TokenType type = source.type(id);
    const bool special = type == TokenType::control || (with_unknown && type == TokenType::unknown);
    if (!special && type != TokenType::user_defined) continue;
    added.push_back({{"id", id},
                     {"content", text(source.tokens()[id])},
                     {"single_word", false},
                     {"lstrip", false},
                     {"rstrip", false},
                     {"normalized", false},
                     {"special", special}});
  }
  return added;
}

// The special tokens that are put around a text.
ordered_json post_processor(const Source& source, std::string_view first, std::string_view last,
                            bool add_first, bool add_last) {
  ordered_json single = ordered_json::array(), pair = ordered_json::array();
  ordered_json special = ordered_json::object();
  const auto put = [&](std::string_view key, bool wanted, ordered_json& to, int type_id) {
    const auto id = source.id(key);
    if (!wanted || !id) return;
    const ordered_json content = text(source.tokens()[*id]);
    to.push_back({{"SpecialToken", {{"id", content}, {"type_id", type_id}}}});
    special[std::string(source.tokens()[*id])] = {
        {"id", content}, {"ids", {*id}}, {"tokens", {content}}};
  };
  put(first, add_first, single, 0);
  single.push_back({{"Sequence", {{"id", "A"}, {"type_id", 0}}}});
  put(last, add_last, single, 0);
  put(first, add_first, pair, 0);
  pair.push_back({{"Sequence", {{"id", "A"}, {"type_id", 0}}}});
  put(last, add_last, pair, 0);
  put(first, add_first && first != "cls", pair, 1);
  pair.push_back({{"Sequence", {{"id", "B"}, {"type_id", 1}}}});
  put(last, add_last, pair, 1);
  return {{"type", "TemplateProcessing"},
          {"single", std::move(single)},
          {"pair", std::move(pair)},
          {"special_tokens", std::move(special)}};
}

ordered_json vocabulary(const Source& source) {
  ordered_json::object_t vocab;
  std::unordered_map<std::string_view, size_t> seen;
  vocab.reserve(source.tokens().size());
  for (size_t id = 0; id < source.tokens().size(); ++id) {
    const std::string_view token = source.tokens()[id];
    if (!seen.try_emplace(token, id).second) {
      source.broken("tokens", fmt::format("holds {} twice", quote(token)));
    }
    // Appended without a search for the key: an ordered object would look at all before it.
    vocab.emplace_back(std::string(token), id);
  }
  return ordered_json(std::move(vocab));
}

ordered_json byte_level_bpe(const Source& source) {
  const std::string_view name = source.file().get_string(key_of("pre")).value_or("default");
  const PreTokenizer* pre = find_pre_tokenizer(name);
  if (pre == nullptr) {
    logging::warn(
        "{}: the pre-tokenizer {} is unknown; text is cut as GPT-2 does, which may give other "
        "tokens than the model was trained with",
        source.file().path().string(), quote(name));
    pre = find_pre_tokenizer("default");
  }
  const auto* merges = source.strings("merges");
  if (merges == nullptr) source.broken("merges", "is missing");
  ordered_json pairs = ordered_json::array();
  for (const std::string_view merge : *merges) {
    if (merge.find(' ', 1) == merge.npos) {
      source.broken("merges", fmt::format("holds {}, which is not two tokens", quote(merge)));
    }
    pairs.push_back(text(merge));
  }
  ordered_json steps = ordered_json::array();
  for (const std::string_view split : pre->splits) {
    steps.push_back({{"type", "Split"},
                     {"pattern", {{"Regex", text(split)}}},
                     {"behavior", "Isolated"},
                     {"invert", false}});
  }
  steps.push_back({{"type", "ByteLevel"},
                   {"add_prefix_space", source.flag("add_space_prefix", false)},
                   {"trim_offsets", true},
                   {"use_regex", false}});
  const ordered_json byte_level = {{"type", "ByteLevel"},
                                   {"add_prefix_space", true},
                                   {"trim_offsets", true},
                                   {"use_regex", true}};
  ordered_json processor = post_processor(source, "bos", "eos", source.flag("add_bos_token", false),
                                          source.flag("add_eos_token", false));
  ordered_json offsets = byte_level;
  offsets["trim_offsets"] = false;
  return {{"added_tokens", added_tokens(source, true)},
          {"normalizer", pre->nfc ? ordered_json{{"type", "NFC"}} : ordered_json()},
          {"pre_tokenizer", {{"type", "Sequence"}, {"pretokenizers", std::move(steps)}}},
          {"post_processor",
           {{"type", "Sequence"},
            {"processors", ordered_json::array({std::move(offsets), std::move(processor)})}}},
          {"decoder", byte_level},
          {"model",
           {{"type", "BPE"},
            {"dropout", nullptr},
            {"unk_token", nullptr},
            {"fuse_unk", false},
            {"byte_fallback", false},
            {"ignore_merges", pre->ignore_merges},
            {"vocab", vocabulary(source)},
            {"merges", std::move(pairs)}}}};
}

// SentencePiece's BPE puts together the neighbours whose union has the highest score: the same as
// merges in the order of scores, each way to cut a token in two being one.
ordered_json merges_by_score(const Source& source) {
  struct Merge {
    double score;
    size_t left;  // ids
    size_t right;
  };
  std::unordered_map<std::string_view, size_t> ids;
  for (size_t id = 0; id < source.tokens().size(); ++id) ids.emplace(source.tokens()[id], id);
  constexpr size_t longest = 256;  // of a token that is put together
  std::vector<Merge> merges;
  for (size_t id = 0; id < source.tokens().size(); ++id) {
    const TokenType type = source.type(id);
    const std::string_view token = source.tokens()[id];
    if (type != TokenType::normal || token.size() > longest) continue;
    const size_t first = merges.size();
    for (size_t cut = 1; cut < token.size(); ++cut) {
      if ((static_cast<unsigned char>(token[cut]) & 0xc0U) == 0x80U)
        continue;  // within a character
      const auto left = ids.find(token.substr(0, cut));
      const auto right = ids.find(token.substr(cut));
      if (left != ids.end() && right != ids.end()) {
        merges.push_back({source.score(id), left->second, right->second});
      }
    }
    std::sort(merges.begin() + static_cast<long>(first), merges.end(),
              [](const Merge& a, const Merge& b) {
                return a.left != b.left ? a.left < b.left : a.right < b.right;
              });
  }
  std::stable_sort(merges.begin(), merges.end(),
                   [](const Merge& a, const Merge& b) { return a.score > b.score; });
  ordered_json pairs = ordered_json::array();
  for (const Merge& merge : merges) {
    pairs.push_back(ordered_json::array(
        {text(source.tokens()[merge.left]), text(source.tokens()[merge.right])}));
  }
  return pairs;
}

std::optional<size_t> unknown_id(const Source& source) {
  if (const auto id = source.id("unknown")) return id;
  for (size_t id = 0; id < source.tokens().size(); ++id) {
    if (source.type(id) == TokenType::unknown) return id;
  }
  return std::nullopt;
}

ordered_json sentencepiece_bpe(const Source& source) {
  const bool prefix = source.flag("add_space_prefix", true);
  ordered_json steps = ordered_json::array();
  if (prefix) steps.push_back({{"type", "Prepend"}, {"prepend", text(space)}});
  steps.push_back({{"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", text(space)}});
  ordered_json decoders = ordered_json::array(
      {{{"type", "Replace"}, {"pattern", {{"String", text(space)}}}, {"content", " "}},
       {{"type", "ByteFallback"}},
       {{"type", "Fuse"}}});
  if (prefix) {
    decoders.push_back({{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}});
  }
  bool bytes = false;
  for (size_t id = 0; id < source.tokens().size() && !bytes; ++id) {
    bytes = source.type(id) == TokenType::byte;
  }
  const auto unknown = unknown_id(source);
  return {
      {"added_tokens", added_tokens(source, true)},
      {"normalizer", {{"type", "Sequence"}, {"normalizers", std::move(steps)}}},
      {"pre_tokenizer", nullptr},
      {"post_processor", post_processor(source, "bos", "eos", source.flag("add_bos_token", true),
                                        source.flag("add_eos_token", false))},
      {"decoder", {{"type", "Sequence"}, {"decoders", std::move(decoders)}}},
      {"model",
       {{"type", "BPE"},
        {"dropout", nullptr},
        {"unk_token", unknown ? text(source.tokens()[*unknown]) : ordered_json()},
        {"fuse_unk", true},
        {"byte_fallback", bytes},
        {"ignore_merges", false},
        {"vocab", vocabulary(source)},
        {"merges", merges_by_score(source)}}}};
}

// GGUF marks the tokens that begin a word; WordPiece those that do not.
ordered_json word_piece(const Source& source) {
  ordered_json::object_t vocab;
  std::unordered_map<std::string, size_t> seen;
  for (size_t id = 0; id < source.tokens().size(); ++id) {
    const std::string_view token = source.tokens()[id];
    std::string name(token);
    const bool normal = source.type(id) == TokenType::normal;
    if (token.starts_with(space)) {
      name = std::string(token.substr(space.size()));
    } else if (normal && !(token.starts_with('[') && token.ends_with(']') && token.size() > 2)) {
      name.insert(0, "##");
    }
    if (!seen.try_emplace(name, id).second) {
      source.broken("tokens", fmt::format("holds {} twice", quote(token)));
    }
    vocab.emplace_back(std::move(name), id);
  }
  const auto unknown = unknown_id(source);
  return {{"added_tokens", added_tokens(source, true)},
          {"normalizer",
           {{"type", "BertNormalizer"},
            {"clean_text", true},
            {"handle_chinese_chars", true},
            {"strip_accents", nullptr},
            {"lowercase", true}}},
          {"pre_tokenizer", {{"type", "BertPreTokenizer"}}},
          {"post_processor",
           post_processor(source, source.id("cls") ? "cls" : "bos",
                          source.id("seperator") ? "seperator" : "eos",
                          source.flag("add_bos_token", true), source.flag("add_eos_token", true))},
          {"decoder", {{"type", "WordPiece"}, {"prefix", "##"}, {"cleanup", true}}},
          {"model",
           {{"type", "WordPiece"},
            {"unk_token", unknown ? text(source.tokens()[*unknown]) : ordered_json("[UNK]")},
            {"continuing_subword_prefix", "##"},
            {"max_input_chars_per_word", 100},
            {"vocab", ordered_json(std::move(vocab))}}}};
}

std::string base64(const std::vector<int64_t>& bytes) {
  constexpr std::string_view letters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    unsigned group = 0;
    for (size_t k = 0; k < 3; ++k) {
      const auto byte = i + k < bytes.size() ? static_cast<unsigned>(bytes[i + k]) & 255U : 0;
      group |= byte << (16 - 8 * k);
    }
    for (size_t k = 0; k < 4; ++k) {
      out += i + k <= bytes.size() ? letters[group >> (18 - 6 * k) & 63] : '=';
    }
  }
  return out;
}

ordered_json unigram(const Source& source) {
  ordered_json vocab = ordered_json::array();
  for (size_t id = 0; id < source.tokens().size(); ++id) {
    vocab.push_back(ordered_json::array({text(source.tokens()[id]), source.score(id)}));
  }
  ordered_json normalizers = ordered_json::array();
  if (const GgufArray* map = source.file().get_array(key_of("precompiled_charsmap"))) {
    if (const auto* bytes = std::get_if<std::vector<int64_t>>(&map->values); bytes != nullptr) {
      normalizers.push_back({{"type", "Precompiled"}, {"precompiled_charsmap", base64(*bytes)}});
    }
  }
  if (source.flag("remove_extra_whitespaces", false)) {
    normalizers.push_back(
        {{"type", "Replace"}, {"pattern", {{"Regex", " {2,}"}}}, {"content", " "}});
  }
  const ordered_json metaspace = {
      {"type", "Metaspace"},
      {"replacement", text(space)},
      {"prepend_scheme", source.flag("add_space_prefix", true) ? "always" : "never"},
      {"split", true}};
  const auto unknown = unknown_id(source);
  return {
      {"added_tokens", added_tokens(source, true)},
      {"normalizer", {{"type", "Sequence"}, {"normalizers", std::move(normalizers)}}},
      {"pre_tokenizer", metaspace},
      {"post_processor", post_processor(source, "bos", "eos", source.flag("add_bos_token", false),
                                        source.flag("add_eos_token", true))},
      {"decoder", metaspace},
      {"model",
       {{"type", "Unigram"},
        {"unk_id", unknown ? ordered_json(*unknown) : ordered_json()},
        {"byte_fallback", false},
        {"vocab", std::move(vocab)}}}};
}

}  // namespace

std::optional<std::string> tokenizer_json(const GgufFile& file) {
  if (const auto whole = file.get_string("tokenizer.huggingface.json")) return std::string(*whole);
  const std::string_view model = file.get_string(key_of("model")).value_or("none");
  if (model == "none" || model == "no_vocab") return std::nullopt;
  const Source source(file);
  ordered_json made;
  if (model == "gpt2") {
    made = byte_level_bpe(source);
  } else if (model == "llama") {
    made = sentencepiece_bpe(source);
  } else if (model == "bert") {
    made = word_piece(source);
  } else if (model == "t5") {
    made = unigram(source);
  } else {
    fail(ErrorCode::unsupported,
         "{}: the tokenizer model is {}, and Tarn reads gpt2, llama, bert and t5",
         file.path().string(), quote(model));
  }
  return made.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::optional<std::string> chat_template(const GgufFile& file) {
  const auto source = file.get_string("tokenizer.chat_template");
  return source ? std::optional(std::string(*source)) : std::nullopt;
}

std::optional<std::string> special_token(const GgufFile& file, std::string_view key) {
  const auto id = file.get_int(key_of(std::string(key) + "_token_id"));
  const GgufArray* tokens = file.get_array(key_of("tokens"));
  const auto* texts =
      tokens == nullptr ? nullptr : std::get_if<std::vector<std::string_view>>(&tokens->values);
  if (!id || texts == nullptr || *id < 0 || static_cast<size_t>(*id) >= texts->size()) {
    return std::nullopt;
  }
  return std::string((*texts)[static_cast<size_t>(*id)]);
}

}  // namespace tarn::text::gguf
