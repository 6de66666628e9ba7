// Tokenizers in GGUF files: their metadata as the tokenizer.json of the same tokenizer, and back.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "tarn/io/gguf.h"
#include "tarn/io/gguf_writer.h"

namespace tarn::text::gguf {

// A text that Tokenizer::from_json reads; nothing when the file has no tokenizer. A tokenizer.json
// within the file ("tokenizer.huggingface.json") is taken as it is; otherwise one is made from the
// tokens, scores, merges and types. corrupt: they do not fit each other, naming the key;
// unsupported: a tokenizer model that is not gpt2, llama, bert or t5. An unknown pre-tokenizer is
// a warning, and the text is cut as GPT-2 does.
std::optional<std::string> tokenizer_json(const GgufFile& file);

// The file's "tokenizer.chat_template".
std::optional<std::string> chat_template(const GgufFile& file);

// The text of a token that metadata names: key "bos" for "tokenizer.ggml.bos_token_id".
std::optional<std::string> special_token(const GgufFile& file, std::string_view key);

// The chat template that a tokenizer_config.json holds; empty when it has none.
std::string template_of_config(std::string_view config);

// What llama.cpp needs of a tokenizer.json, and the text itself. `config` is tokenizer_config.json
// or empty; tokens are filled up to `vocab_size`. unsupported: a kind of tokenizer that GGUF does
// not have. Returns what it could not say exactly, for people.
std::string add_tokenizer(std::string_view json, std::string_view config, int64_t vocab_size,
                          GgufMetadata& metadata);

}  // namespace tarn::text::gguf
