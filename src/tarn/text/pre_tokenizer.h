// The `pre_tokenizer` of tokenizer.json: cuts text into the pieces that the model sees one by one.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "tarn/base/json.h"
#include "tarn/text/aligned_text.h"

namespace tarn::text {

// A part of a text: to be tokenized, or already known to be the added token `id`.
struct Piece {
  Span range;
  int32_t id = -1;
};

// A text and its pieces, in order. Pieces may leave text out.
struct Pieces {
  AlignedText text;
  std::vector<Piece> pieces;
};

// Immutable, safe to share between threads.
class PreTokenizer {
 public:
  virtual ~PreTokenizer() = default;
  // Cuts and rewrites the pieces that are not added tokens.
  virtual void apply(Pieces& pieces) const = 0;
};

// `value` is the file's "pre_tokenizer" object; null gives no pre-tokenizer.
std::unique_ptr<PreTokenizer> make_pre_tokenizer(const json& value, std::string_view where);

}  // namespace tarn::text
