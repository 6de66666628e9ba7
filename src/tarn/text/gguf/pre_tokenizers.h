// What GGUF calls pre-tokenizers by name ("tokenizer.ggml.pre"): the regular expressions by which a
// byte-level BPE tokenizer cuts text before it merges.
#pragma once

#include <span>
#include <string_view>

namespace tarn::text::gguf {

struct PreTokenizer {
  std::span<const std::string_view> names;   // the first is the one that is written
  std::span<const std::string_view> splits;  // applied one after the other, each match a piece
  bool nfc;                                  // the text is put into normalization form C first
  bool ignore_merges;                        // a piece that is a token is not put together
};

std::span<const PreTokenizer> pre_tokenizers();
const PreTokenizer* find_pre_tokenizer(std::string_view name);  // null: an unknown name

}  // namespace tarn::text::gguf
