// WordPiece: the longest token that opens the word, then the longest that continues it, and so on.
#include <utility>

#include "tarn/base/error.h"
#include "tarn/text/byte_trie.h"
#include "tarn/text/json_fields.h"
#include "tarn/text/model.h"
#include "tarn/text/tokenizer_file.h"
#include "tarn/text/unicode.h"
#include "tarn/text/vocabulary.h"

namespace tarn::text {
namespace {

class WordPiece final : public Model {
 public:
  explicit WordPiece(TokenizerFile& file)
      : where_(file.source + ": model"), vocab_(std::move(file.vocab), where_) {
    const Fields fields(file.model(), where_);
    unk_token_ = fields.string("unk_token");
    max_chars_ = static_cast<size_t>(fields.integer("max_input_chars_per_word", kMaxTokenId, 100));
    std::vector<std::pair<std::string_view, int32_t>> entries;
    entries.reserve(vocab_.entries().size());
    for (const auto& entry : vocab_.entries()) entries.emplace_back(entry.token, entry.id);
    trie_ = ByteTrie(std::move(entries));
    continuing_ = ByteTrie::kRoot;
    for (const char c : fields.string("continuing_subword_prefix", "##")) {
      if (continuing_ != ByteTrie::kNone) {
        continuing_ = trie_.child(continuing_, static_cast<uint8_t>(c));
      }
    }
  }

  void tokenize(std::string_view piece, ModelScratch*,
                std::vector<ModelToken>& out) const override {
    if (count_chars(piece) > max_chars_) return unknown(piece, out);
    const size_t before = out.size();
    for (size_t begin = 0; begin < piece.size();) {
      ByteTrie::Node node = begin == 0 ? ByteTrie::kRoot : continuing_;
      int32_t id = -1;
      size_t end = begin;
      for (size_t i = begin; i < piece.size() && node != ByteTrie::kNone;) {
        node = trie_.child(node, static_cast<uint8_t>(piece[i++]));
        if (node == ByteTrie::kNone || trie_.value(node) < 0) continue;
        id = trie_.value(node);
        end = i;
      }
      if (id < 0) {
        out.resize(before);
        return unknown(piece, out);
      }
      out.push_back(
          {id, {static_cast<uint32_t>(begin), static_cast<uint32_t>(end)}, *vocab_.token(id)});
      begin = end;
    }
  }

  std::optional<int32_t> token_to_id(std::string_view token) const override {
    return vocab_.id(token);
  }
  std::optional<std::string_view> id_to_token(int32_t id) const override {
    return vocab_.token(id);
  }
  int32_t size() const override { return vocab_.size(); }
  int32_t id_limit() const override { return vocab_.id_limit(); }

 private:
  void unknown(std::string_view piece, std::vector<ModelToken>& out) const {
    const auto id = vocab_.id(unk_token_);
    if (!id) {
      fail(ErrorCode::corrupt, "{}: the unknown token \"{}\" is needed but not in the vocabulary",
           where_, unk_token_);
    }
    out.push_back({*id, {0, static_cast<uint32_t>(piece.size())}, unk_token_});
  }

  std::string where_;
  Vocabulary vocab_;
  ByteTrie trie_;
  ByteTrie::Node continuing_ = ByteTrie::kNone;  // behind the continuing prefix
  std::string unk_token_;
  size_t max_chars_ = 100;
};

// WordLevel: every piece is a token or the unknown one.
class WordLevel final : public Model {
 public:
  explicit WordLevel(TokenizerFile& file)
      : where_(file.source + ": model"), vocab_(std::move(file.vocab), where_) {
    unk_token_ = Fields(file.model(), where_).string("unk_token");
  }

  void tokenize(std::string_view piece, ModelScratch*,
                std::vector<ModelToken>& out) const override {
    const Span all{0, static_cast<uint32_t>(piece.size())};
    if (const auto id = vocab_.id(piece)) {
      out.push_back({*id, all, *vocab_.token(*id)});
    } else if (const auto unk = vocab_.id(unk_token_)) {
      out.push_back({*unk, all, unk_token_});
    } else {
      fail(ErrorCode::corrupt, "{}: the unknown token \"{}\" is needed but not in the vocabulary",
           where_, unk_token_);
    }
  }

  std::optional<int32_t> token_to_id(std::string_view token) const override {
    return vocab_.id(token);
  }
  std::optional<std::string_view> id_to_token(int32_t id) const override {
    return vocab_.token(id);
  }
  int32_t size() const override { return vocab_.size(); }
  int32_t id_limit() const override { return vocab_.id_limit(); }

 private:
  std::string where_;
  Vocabulary vocab_;
  std::string unk_token_;
};

}  // namespace

std::unique_ptr<Model> make_wordpiece(TokenizerFile& file) {
  return std::make_unique<WordPiece>(file);
}

std::unique_ptr<Model> make_wordlevel(TokenizerFile& file) {
  return std::make_unique<WordLevel>(file);
}

}  // namespace tarn::text
