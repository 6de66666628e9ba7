#include "tarn/text/model.h"

#include "tarn/base/error.h"
#include "tarn/text/json_fields.h"
#include "tarn/text/tokenizer_file.h"

namespace tarn::text {
namespace {

std::string model_type(const TokenizerFile& file) {
  const Fields fields(file.model(), file.source + ": model");
  if (fields.has("type")) return fields.string("type");
  if (file.has_merges) return "BPE";
  if (file.has_scored) return "Unigram";
  return fields.has("max_input_chars_per_word") ? "WordPiece" : "WordLevel";
}

}  // namespace

std::unique_ptr<Model> make_model(TokenizerFile& file) {
  const std::string type = model_type(file);
  const bool scored = type == "Unigram";
  if (!file.model().contains("vocab") || file.has_scored != scored) {
    fail(ErrorCode::corrupt, "{}: model: \"vocab\" of a {} model must be {}", file.source, type,
         scored ? "a list of [token, score]" : "an object of tokens and ids");
  }
  if (type == "BPE") {
    if (!file.has_merges) {
      fail(ErrorCode::corrupt, "{}: model: \"merges\" is missing or not a list", file.source);
    }
    return make_bpe(file);
  }
  if (type == "Unigram") return make_unigram(file);
  if (type == "WordPiece") return make_wordpiece(file);
  if (type == "WordLevel") return make_wordlevel(file);
  fail(ErrorCode::unsupported,
       "{}: unknown model \"{}\": expected BPE, Unigram, WordPiece or WordLevel", file.source,
       type);
}

}  // namespace tarn::text
