// What turns a piece of text into tokens: BPE, Unigram, WordPiece or WordLevel.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tarn/text/aligned_text.h"

namespace tarn::text {

struct TokenizerFile;

struct ModelToken {
  int32_t id;
  Span range;              // bytes of the piece
  std::string_view value;  // in the model's vocabulary or in the piece
};

// What a model may remember from piece to piece of one text. Belongs to one thread.
class ModelScratch {
 public:
  virtual ~ModelScratch() = default;
};

// Immutable, safe to share between threads.
class Model {
 public:
  virtual ~Model() = default;
  virtual std::unique_ptr<ModelScratch> scratch() const { return nullptr; }
  // Appends the tokens of `piece`, which is not empty.
  virtual void tokenize(std::string_view piece, ModelScratch* scratch,
                        std::vector<ModelToken>& out) const = 0;
  virtual std::optional<int32_t> token_to_id(std::string_view token) const = 0;
  virtual std::optional<std::string_view> id_to_token(int32_t id) const = 0;
  virtual int32_t size() const = 0;      // number of tokens
  virtual int32_t id_limit() const = 0;  // one more than the largest id
};

std::unique_ptr<Model> make_bpe(TokenizerFile& file);
std::unique_ptr<Model> make_unigram(TokenizerFile& file);
std::unique_ptr<Model> make_wordpiece(TokenizerFile& file);
std::unique_ptr<Model> make_wordlevel(TokenizerFile& file);
// By the model's "type", or by its shape in files older than that field.
std::unique_ptr<Model> make_model(TokenizerFile& file);

}  // namespace tarn::text
