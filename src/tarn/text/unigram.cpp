// Unigram: the segmentation of a piece whose tokens' scores add up to the most.
#include <limits>
#include <unordered_map>
#include <utility>

#include "tarn/base/error.h"
#include "tarn/text/byte_trie.h"
#include "tarn/text/json_fields.h"
#include "tarn/text/model.h"
#include "tarn/text/tokenizer_file.h"
#include "tarn/text/unicode.h"

namespace tarn::text {
namespace {

// An unknown character scores this much below the worst token.
constexpr double kUnknownPenalty = 10.0;

class Unigram final : public Model {
 public:
  explicit Unigram(TokenizerFile& file)
      : where_(file.source + ": model"), vocab_(std::move(file.scored)) {
    const Fields fields(file.model(), where_);
    byte_fallback_ = fields.boolean("byte_fallback", false);
    if (vocab_.size() > static_cast<size_t>(kMaxTokenId)) {
      fail(ErrorCode::corrupt, "{}: more tokens than ids", where_);
    }
    if (fields.has("unk_id")) {
      unk_id_ = static_cast<int32_t>(fields.integer("unk_id", kMaxTokenId));
      if (static_cast<size_t>(unk_id_) >= vocab_.size()) {
        fail(ErrorCode::corrupt, "{}: \"unk_id\" is {}, the vocabulary has {} tokens", where_,
             unk_id_, vocab_.size());
      }
    }
    double worst = std::numeric_limits<double>::infinity();
    std::vector<std::pair<std::string_view, int32_t>> entries;
    entries.reserve(vocab_.size());
    for (size_t i = vocab_.size(); i-- > 0;) {  // of equal tokens the last one counts
      entries.emplace_back(vocab_[i].first, static_cast<int32_t>(i));
      worst = std::min(worst, vocab_[i].second);
    }
    trie_ = ByteTrie(std::move(entries));
    unknown_score_ = worst - kUnknownPenalty;
    for (size_t byte = 0; byte < 256; ++byte) {
      byte_ids_[byte] = token_to_id(fmt::format("<0x{:02X}>", byte)).value_or(-1);
    }
  }

  void tokenize(std::string_view piece, ModelScratch*,
                std::vector<ModelToken>& out) const override {
    const std::vector<Step> best = search(piece);
    // Walk back from the end; neighbouring unknown characters become one token.
    std::vector<Span> parts;
    bool previous_unknown = false;
    for (size_t end = piece.size(); end > 0;) {
      const Step& step = best[end];
      const Span part{step.begin, static_cast<uint32_t>(end)};
      const bool unknown = unk_id_ >= 0 && step.id == unk_id_;
      if (unknown && previous_unknown) {
        parts.back().begin = part.begin;
      } else {
        parts.push_back(part);
      }
      previous_unknown = unknown;
      end = step.begin;
    }
    for (auto part = parts.rbegin(); part != parts.rend(); ++part) {
      emit(piece.substr(part->begin, part->size()), *part, out);
    }
  }

  std::optional<int32_t> token_to_id(std::string_view token) const override {
    ByteTrie::Node node = ByteTrie::kRoot;
    for (const char c : token) {
      node = trie_.child(node, static_cast<uint8_t>(c));
      if (node == ByteTrie::kNone) return std::nullopt;
    }
    const int32_t id = trie_.value(node);
    return id < 0 ? std::nullopt : std::optional(id);
  }
  std::optional<std::string_view> id_to_token(int32_t id) const override {
    if (id < 0 || static_cast<size_t>(id) >= vocab_.size()) return std::nullopt;
    return vocab_[static_cast<size_t>(id)].first;
  }
  int32_t size() const override { return static_cast<int32_t>(vocab_.size()); }
  int32_t id_limit() const override { return size(); }

 private:
  // The best way to reach a byte position.
  struct Step {
    double score = 0;
    uint32_t begin = UINT32_MAX;  // of the token that ends here
    int32_t id = 0;
    bool reached() const { return begin != UINT32_MAX; }
  };

  std::vector<Step> search(std::string_view piece) const {
    std::vector<Step> best(piece.size() + 1);
    const auto offer = [&](size_t begin, size_t end, int32_t id, double score) {
      Step& step = best[end];
      if (!step.reached() || score > step.score) {
        step = {score, static_cast<uint32_t>(begin), id};
      }
    };
    for (size_t begin = 0; begin < piece.size();) {
      const size_t char_end = begin + char_bytes(piece[begin]);
      const double here = best[begin].score;
      bool single = false;  // some token covers just this character
      ByteTrie::Node node = ByteTrie::kRoot;
      for (size_t end = begin; end < piece.size();) {
        node = trie_.child(node, static_cast<uint8_t>(piece[end++]));
        if (node == ByteTrie::kNone) break;
        const int32_t id = trie_.value(node);
        if (id < 0) continue;
        offer(begin, end, id, vocab_[static_cast<size_t>(id)].second + here);
        single = single || end == char_end;
      }
      if (!single) {
        if (unk_id_ < 0 &&
            !(best[char_end].reached() && best[char_end].score >= unknown_score_ + here)) {
          missing_unknown(piece.substr(begin, char_end - begin));
        }
        offer(begin, char_end, unk_id_, unknown_score_ + here);
      }
      begin = char_end;
    }
    return best;
  }

  void emit(std::string_view text, Span range, std::vector<ModelToken>& out) const {
    if (const auto id = token_to_id(text)) {
      out.push_back({*id, range, text});
      return;
    }
    if (byte_fallback_) {
      bool all = true;
      for (const char c : text) all = all && byte_ids_[static_cast<uint8_t>(c)] >= 0;
      if (all) {
        for (const char c : text) {
          const int32_t id = byte_ids_[static_cast<uint8_t>(c)];
          out.push_back({id, range, vocab_[static_cast<size_t>(id)].first});
        }
        return;
      }
    }
    if (unk_id_ < 0) missing_unknown(text);
    out.push_back({unk_id_, range, text});
  }

  [[noreturn]] void missing_unknown(std::string_view text) const {
    fail(ErrorCode::unsupported,
         "{}: \"{}\" is not covered by the vocabulary, and \"unk_id\" is missing", where_, text);
  }

  std::string where_;
  std::vector<std::pair<std::string, double>> vocab_;
  ByteTrie trie_;
  double unknown_score_ = 0;
  int32_t unk_id_ = -1;
  bool byte_fallback_ = false;
  int32_t byte_ids_[256] = {};  // of <0x00> to <0xFF>
};

}  // namespace

std::unique_ptr<Model> make_unigram(TokenizerFile& file) { return std::make_unique<Unigram>(file); }

}  // namespace tarn::text
