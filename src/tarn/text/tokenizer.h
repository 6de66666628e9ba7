// Text to tokens and back, as a Hugging Face tokenizer.json says.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "tarn/text/encoding.h"

namespace tarn::text {

class StreamDecoder;

// Immutable and cheap to copy; safe to use from several threads. Truncation and padding that the
// file may ask for are not applied.
class Tokenizer {
 public:
  // `path` is a tokenizer.json or a folder that holds one.
  static Tokenizer from_file(const std::filesystem::path& path);
  // `source` opens error messages. A file that breaks the format is ErrorCode::corrupt, one that
  // names something Tarn does not know ErrorCode::unsupported.
  static Tokenizer from_json(std::string_view json, std::string_view source);

  // The text must be valid UTF-8 (else ErrorCode::invalid_argument) of at most 128 MiB. Special
  // tokens written in the text are recognised either way; `add_special_tokens` adds those that the
  // post-processor puts around it.
  Encoding encode(std::string_view text, bool add_special_tokens = true) const;
  Encoding encode_pair(std::string_view first, std::string_view second,
                       bool add_special_tokens = true) const;

  // Bytes that make no character come out as U+FFFD; ids that name no token are passed over.
  std::string decode(std::span<const int32_t> ids, bool skip_special_tokens = true) const;

  std::optional<int32_t> token_to_id(std::string_view token) const;
  std::optional<std::string> id_to_token(int32_t id) const;
  bool is_special(int32_t id) const;
  bool is_added(int32_t id) const;  // found in the text itself, not by the model
  // The bytes that the token adds to a text that it does not begin: what decoding all ids joins,
  // before broken characters are replaced. Nothing for ids that name no token.
  std::optional<std::string> token_bytes(int32_t id) const;
  int32_t vocab_size() const;  // number of tokens, added ones included
  int32_t id_limit() const;    // one more than the largest id

 private:
  friend class StreamDecoder;
  struct State;
  explicit Tokenizer(std::shared_ptr<const State> state) : state_(std::move(state)) {}
  std::shared_ptr<const State> state_;
};

// Decodes one id at a time. What it returns is whole characters, and all of it in order, with the
// flush, is what Tokenizer::decode gives for all the ids. Text is held back only while later ids
// may change it: an unfinished character, a run of byte tokens, spaces that may be trimmed.
class StreamDecoder {
 public:
  explicit StreamDecoder(const Tokenizer& tokenizer, bool skip_special_tokens = true);
  ~StreamDecoder();
  StreamDecoder(StreamDecoder&&) noexcept;
  StreamDecoder& operator=(StreamDecoder&&) noexcept;

  std::string push(int32_t id);
  std::string flush();  // ends the sequence; a decoder is used for one sequence

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tarn::text
