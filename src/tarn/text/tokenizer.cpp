#include "tarn/text/tokenizer.h"

#include <utility>
#include <vector>

#include "tarn/base/error.h"
#include "tarn/base/file.h"
#include "tarn/io/gguf.h"
#include "tarn/text/added_tokens.h"
#include "tarn/text/decoder.h"
#include "tarn/text/gguf/tokenizer.h"
#include "tarn/text/model.h"
#include "tarn/text/normalizer.h"
#include "tarn/text/post_processor.h"
#include "tarn/text/pre_tokenizer.h"
#include "tarn/text/tokenizer_file.h"
#include "tarn/text/unicode.h"

namespace tarn::text {
namespace {

const json& part(const TokenizerFile& file, const char* name) {
  static const json none;
  const auto it = file.document.find(name);
  return it == file.document.end() ? none : *it;
}

// Byte offsets of a text as offsets in code points.
class CharOffsets {
 public:
  explicit CharOffsets(std::string_view text) : chars_(text.size()) {
    uint32_t c = UINT32_MAX;
    for (size_t i = 0; i < text.size(); ++i) {
      if ((static_cast<uint8_t>(text[i]) & 0xC0) != 0x80) ++c;
      chars_[i] = c;
    }
  }

  std::pair<uint32_t, uint32_t> convert(Span bytes) const {
    if (bytes.begin >= chars_.size()) return {bytes.begin, bytes.end};
    const uint32_t begin = chars_[bytes.begin];
    if (bytes.end < chars_.size()) return {begin, chars_[bytes.end]};
    return {begin, chars_.back() + 1};
  }

 private:
  std::vector<uint32_t> chars_;  // of each byte
};

}  // namespace

struct Tokenizer::State {
  std::unique_ptr<Normalizer> normalizer;
  std::unique_ptr<PreTokenizer> pre_tokenizer;
  std::unique_ptr<Model> model;
  std::unique_ptr<PostProcessor> post_processor;
  std::unique_ptr<Decoder> decoder;
  AddedTokens added;

  explicit State(TokenizerFile file)
      : normalizer(make_normalizer(part(file, "normalizer"), file.source + ": normalizer")),
        pre_tokenizer(
            make_pre_tokenizer(part(file, "pre_tokenizer"), file.source + ": pre_tokenizer")),
        model(make_model(file)),
        post_processor(
            make_post_processor(part(file, "post_processor"), file.source + ": post_processor")),
        decoder(make_decoder(part(file, "decoder"), file.source + ": decoder")),
        added(part(file, "added_tokens"), *model, normalizer.get(), file.source) {}

  // Cuts out the added tokens and normalizes what is between them.
  Pieces extract(std::string_view text) const {
    const AlignedText original(text);
    Pieces out;
    out.text = original.empty_like(text.size());
    const auto add = [&](const AlignedText& from, Span range, int32_t id) {
      if (range.empty()) return;
      const uint32_t begin = out.text.size();
      out.text.append(from, range);
      out.pieces.push_back({{begin, out.text.size()}, id});
    };
    for (const AddedTokens::Part& raw : added.split(text, false)) {
      if (raw.token != nullptr) {
        add(original, raw.range, raw.token->id);
        continue;
      }
      AlignedText between = original.slice(raw.range);
      if (normalizer) normalizer->apply(between);
      for (const AddedTokens::Part& inner : added.split(between.str(), true)) {
        add(between, inner.range, inner.token != nullptr ? inner.token->id : -1);
      }
    }
    return out;
  }

  Encoding encode(std::string_view text, int32_t type_id) const {
    if (const size_t bad = find_invalid_utf8(text); bad != std::string_view::npos) {
      fail(ErrorCode::invalid_argument,
           "tokenizer: the text is not valid UTF-8 at byte {}: convert it to UTF-8 first", bad);
    }
    Pieces all = extract(text);
    if (pre_tokenizer) pre_tokenizer->apply(all);
    const CharOffsets offsets(text);
    const auto scratch = model->scratch();
    std::vector<ModelToken> tokens;
    Encoding out;
    for (const Piece& piece : all.pieces) {
      const std::string_view view = all.text.view(piece.range);
      if (piece.id >= 0) {
        const Span source{all.text.source(piece.range.begin).begin,
                          all.text.source(piece.range.end - 1).end};
        out.add(piece.id, type_id, std::string(view), offsets.convert(source));
        continue;
      }
      tokens.clear();
      model->tokenize(view, scratch.get(), tokens);
      for (const ModelToken& token : tokens) {
        const uint32_t begin = piece.range.begin + token.range.begin;
        const uint32_t end = std::min(piece.range.begin + token.range.end, piece.range.end);
        Span source = all.text.source(piece.range.begin);
        source.end = source.begin;
        if (begin < end) source = {all.text.source(begin).begin, all.text.source(end - 1).end};
        out.add(token.id, type_id, std::string(token.value), offsets.convert(source));
      }
    }
    return out;
  }

  Encoding finish(std::vector<Encoding> parts, bool add_special_tokens) const {
    if (post_processor) post_processor->apply(parts, add_special_tokens);
    if (parts.size() == 1) return std::move(parts.front());
    Encoding out;
    for (const Encoding& one : parts) out.append(one);
    return out;
  }

  // The token to decode for `id`, if any.
  std::optional<std::string_view> visible(int32_t id, bool skip_special_tokens) const {
    std::optional<std::string_view> token;
    if (const AddedToken* found = added.token(id)) {
      token = found->decoded;
    } else {
      token = model->id_to_token(id);
    }
    if (token && skip_special_tokens && added.is_special(*token)) return std::nullopt;
    return token;
  }
};

Tokenizer Tokenizer::from_file(const std::filesystem::path& path) {
  if (std::filesystem::is_regular_file(path) && is_gguf(path)) {
    const auto made = gguf::tokenizer_json(GgufFile::open(path));
    if (!made) {
      fail(ErrorCode::not_found, "{}: the file has no tokenizer; give a tokenizer.json",
           path.string());
    }
    return from_json(*made, path.string() + ": tokenizer");
  }
  const auto file = std::filesystem::is_directory(path) ? path / "tokenizer.json" : path;
  return from_json(read_file(file), file.string());
}

Tokenizer Tokenizer::from_json(std::string_view json, std::string_view source) {
  return Tokenizer(std::make_shared<const State>(parse_tokenizer_file(json, source)));
}

Encoding Tokenizer::encode(std::string_view text, bool add_special_tokens) const {
  std::vector<Encoding> parts;
  parts.push_back(state_->encode(text, 0));
  return state_->finish(std::move(parts), add_special_tokens);
}

Encoding Tokenizer::encode_pair(std::string_view first, std::string_view second,
                                bool add_special_tokens) const {
  std::vector<Encoding> parts;
  parts.push_back(state_->encode(first, 0));
  parts.push_back(state_->encode(second, 1));
  return state_->finish(std::move(parts), add_special_tokens);
}

std::string Tokenizer::decode(std::span<const int32_t> ids, bool skip_special_tokens) const {
  Decoding decoding(*state_->decoder);
  std::string out;
  for (const int32_t id : ids) {
    if (const auto token = state_->visible(id, skip_special_tokens)) decoding.push(*token, out);
  }
  decoding.finish(out);
  return out;
}

std::optional<int32_t> Tokenizer::token_to_id(std::string_view token) const {
  if (const auto id = state_->added.id(token)) return id;
  return state_->model->token_to_id(token);
}

std::optional<std::string> Tokenizer::id_to_token(int32_t id) const {
  const auto token = state_->visible(id, false);
  return token ? std::optional(std::string(*token)) : std::nullopt;
}

bool Tokenizer::is_special(int32_t id) const {
  const AddedToken* token = state_->added.token(id);
  return token != nullptr && state_->added.is_special(token->content);
}

bool Tokenizer::is_added(int32_t id) const { return state_->added.token(id) != nullptr; }

std::optional<std::string> Tokenizer::token_bytes(int32_t id) const {
  const auto token = state_->visible(id, false);
  if (!token) return std::nullopt;
  // Decoders treat the first token otherwise: another one goes ahead, and its text is taken off.
  const auto decode_behind = [&](bool with_token) {
    Decoding decoding(*state_->decoder, Decoding::Output::bytes);
    std::string out;
    decoding.push("a", out);
    if (with_token) decoding.push(*token, out);
    decoding.finish(out);
    return out;
  };
  const std::string before = decode_behind(false);
  std::string all = decode_behind(true);
  if (!all.starts_with(before)) return std::nullopt;
  return all.substr(before.size());
}

int32_t Tokenizer::vocab_size() const {
  return state_->model->size() + static_cast<int32_t>(state_->added.outside(*state_->model));
}

int32_t Tokenizer::id_limit() const {
  return std::max(state_->model->id_limit(), state_->added.id_limit());
}

struct StreamDecoder::State {
  std::shared_ptr<const Tokenizer::State> tokenizer;
  bool skip_special_tokens;
  Decoding decoding;
};

StreamDecoder::StreamDecoder(const Tokenizer& tokenizer, bool skip_special_tokens)
    : state_(
          new State{tokenizer.state_, skip_special_tokens, Decoding(*tokenizer.state_->decoder)}) {}
StreamDecoder::~StreamDecoder() = default;
StreamDecoder::StreamDecoder(StreamDecoder&&) noexcept = default;
StreamDecoder& StreamDecoder::operator=(StreamDecoder&&) noexcept = default;

std::string StreamDecoder::push(int32_t id) {
  std::string out;
  if (const auto token = state_->tokenizer->visible(id, state_->skip_special_tokens)) {
    state_->decoding.push(*token, out);
  }
  return out;
}

std::string StreamDecoder::flush() {
  std::string out;
  state_->decoding.finish(out);
  return out;
}

}  // namespace tarn::text
