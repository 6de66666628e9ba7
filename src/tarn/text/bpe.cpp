// Byte pair encoding: starts from characters and merges the pair of lowest rank until none is left.
#include <algorithm>
#include <array>
#include <bit>
#include <queue>
#include <unordered_map>
#include <utility>

#include "tarn/base/error.h"
#include "tarn/base/log.h"
#include "tarn/text/json_fields.h"
#include "tarn/text/model.h"
#include "tarn/text/tokenizer_file.h"
#include "tarn/text/unicode.h"
#include "tarn/text/vocabulary.h"

namespace tarn::text {
namespace {

struct Merge {
  uint32_t rank;
  int32_t id;  // of the token that the pair becomes
};

// Pairs of ids to merges, by open addressing.
class MergeTable {
 public:
  explicit MergeTable(size_t count)
      : slots_(std::bit_ceil(count * 2 + 1)), mask_(slots_.size() - 1) {}

  // A pair that comes again takes the later rank.
  void insert(int32_t left, int32_t right, Merge merge) {
    Slot& slot = slots_[find_slot(left, right)];
    slot = {left, right, merge};
  }
  const Merge* find(int32_t left, int32_t right) const {
    const Slot& slot = slots_[find_slot(left, right)];
    return slot.left < 0 ? nullptr : &slot.merge;
  }

 private:
  struct Slot {
    int32_t left = -1;
    int32_t right = -1;
    Merge merge{};
  };
  size_t find_slot(int32_t left, int32_t right) const {
    const uint64_t key = uint64_t{static_cast<uint32_t>(left)} << 32 | static_cast<uint32_t>(right);
    size_t i = static_cast<size_t>(key * 0x9E3779B97F4A7C15ULL >> 20) & mask_;
    while (slots_[i].left >= 0 && (slots_[i].left != left || slots_[i].right != right)) {
      i = (i + 1) & mask_;
    }
    return i;
  }
  std::vector<Slot> slots_;
  size_t mask_;
};

// A token of the word being merged; neighbours are linked, a merged-away symbol has size 0.
struct Symbol {
  int32_t id;
  uint32_t size;  // bytes of the piece
  int32_t previous;
  int32_t next;
};

struct Candidate {
  uint32_t rank;
  int32_t at;  // of the left symbol
  int32_t id;
  // Lowest rank first, then leftmost.
  bool operator<(const Candidate& other) const {
    return rank != other.rank ? rank > other.rank : at > other.at;
  }
};

struct CachedToken {
  int32_t id;
  uint32_t size;
};

// Words repeat: remembers how those of this text came out.
class Scratch final : public ModelScratch {
 public:
  std::unordered_map<std::string, std::vector<CachedToken>> words;
  std::vector<Symbol> symbols;
};

constexpr size_t kMaxCachedWordBytes = 256;
constexpr size_t kMaxCachedWords = 20'000;

class Bpe final : public Model {
 public:
  explicit Bpe(TokenizerFile& file)
      : where_(file.source + ": model"),
        vocab_(std::move(file.vocab), where_),
        merges_(file.merges.size()) {
    const Fields fields(file.model(), where_);
    unk_token_ = fields.string("unk_token", "");
    has_unk_ = fields.has("unk_token");
    prefix_ = fields.string("continuing_subword_prefix", "");
    suffix_ = fields.string("end_of_word_suffix", "");
    fuse_unk_ = fields.boolean("fuse_unk", false);
    byte_fallback_ = fields.boolean("byte_fallback", false);
    ignore_merges_ = fields.boolean("ignore_merges", false);
    if (fields.has("dropout")) {
      const json& dropout = fields.at("dropout");
      const double p = dropout.is_number() ? dropout.get<double>() : -1;
      if (!(p >= 0 && p <= 1)) {
        fail(ErrorCode::corrupt, "{}: \"dropout\" must be a number from 0 to 1", where_);
      }
      if (p > 0) logging::warn("{}: \"dropout\" is for training: ignored", where_);
    }
    load_merges(file);
    for (char32_t c = 0; c < char_ids_.size(); ++c) {
      std::string text;
      append_char(text, c);
      char_ids_[c] = vocab_.id(text).value_or(-1);
    }
    for (size_t byte = 0; byte < 256; ++byte) {
      byte_ids_[byte] = vocab_.id(fmt::format("<0x{:02X}>", byte)).value_or(-1);
    }
    unk_id_ = has_unk_ ? vocab_.id(unk_token_).value_or(-1) : -1;
  }

  std::unique_ptr<ModelScratch> scratch() const override { return std::make_unique<Scratch>(); }

  void tokenize(std::string_view piece, ModelScratch* scratch,
                std::vector<ModelToken>& out) const override {
    if (ignore_merges_) {
      if (const auto id = vocab_.id(piece)) {
        out.push_back({*id, {0, static_cast<uint32_t>(piece.size())}, *vocab_.token(*id)});
        return;
      }
    }
    auto& memory = static_cast<Scratch&>(*scratch);
    const bool cached = piece.size() <= kMaxCachedWordBytes;
    if (cached) {
      const auto it = memory.words.find(std::string(piece));
      if (it != memory.words.end()) {
        uint32_t at = 0;
        for (const CachedToken& token : it->second) add(token.id, token.size, at, out);
        return;
      }
    }
    std::vector<Symbol>& symbols = memory.symbols;
    split(piece, symbols);
    merge(symbols);
    std::vector<CachedToken> tokens;
    uint32_t at = 0;
    for (const Symbol& symbol : symbols) {
      if (symbol.id < 0) continue;
      add(symbol.id, symbol.size, at, out);
      if (cached) tokens.push_back({symbol.id, symbol.size});
    }
    if (cached && memory.words.size() < kMaxCachedWords) {
      memory.words.emplace(piece, std::move(tokens));
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
  void add(int32_t id, uint32_t size, uint32_t& at, std::vector<ModelToken>& out) const {
    out.push_back({id, {at, at + size}, *vocab_.token(id)});
    at += size;
  }

  void load_merges(TokenizerFile& file) {
    const auto known = [&](const std::string& token, size_t rank) {
      const auto id = vocab_.id(token);
      if (!id) {
        fail(ErrorCode::corrupt, "{}: merge {} names \"{}\", which is not in the vocabulary",
             where_, rank, token);
      }
      return *id;
    };
    for (size_t rank = 0; rank < file.merges.size(); ++rank) {
      const auto& [left, right] = file.merges[rank];
      const int32_t left_id = known(left, rank);
      const int32_t right_id = known(right, rank);
      if (right.size() < prefix_.size()) {
        fail(ErrorCode::corrupt,
             "{}: merge {} continues with \"{}\", shorter than the prefix \"{}\"", where_, rank,
             right, prefix_);
      }
      const int32_t id = known(left + right.substr(prefix_.size()), rank);
      merges_.insert(left_id, right_id, {static_cast<uint32_t>(rank), id});
    }
    file.merges = {};
  }

  int32_t char_id(std::string_view one) const {
    if (one.size() <= 2) {
      size_t pos = 0;
      return char_ids_[next_char(one, pos)];
    }
    return vocab_.id(one).value_or(-1);
  }

  // The piece's characters as symbols; unknown ones fall back to bytes or to the unknown token.
  void split(std::string_view piece, std::vector<Symbol>& symbols) const {
    symbols.clear();
    const auto push = [&](int32_t id, uint32_t size) {
      const auto at = static_cast<int32_t>(symbols.size());
      if (at > 0) symbols.back().next = at;
      symbols.push_back({id, size, at - 1, -1});
    };
    uint32_t unknown = 0;  // bytes of the unknown token that is still growing
    std::string decorated;
    for (size_t pos = 0; pos < piece.size();) {
      const size_t begin = pos;
      pos += char_bytes(piece[pos]);
      std::string_view one = piece.substr(begin, pos - begin);
      const auto size = static_cast<uint32_t>(one.size());
      const bool first = begin == 0;
      const bool last = pos == piece.size();
      int32_t id = -1;
      if ((!first && !prefix_.empty()) || (last && !suffix_.empty())) {
        decorated = (first ? "" : prefix_) + std::string(one) + (last ? suffix_ : "");
        one = decorated;
        id = vocab_.id(one).value_or(-1);
      } else {
        id = char_id(one);
      }
      if (id >= 0) {
        if (unknown > 0) push(unk_id_, std::exchange(unknown, 0));
        push(id, size);
        continue;
      }
      if (byte_fallback_ && std::all_of(one.begin(), one.end(), [&](char c) {
            return byte_ids_[static_cast<uint8_t>(c)] >= 0;
          })) {
        for (const char c : one) push(byte_ids_[static_cast<uint8_t>(c)], 1);
        continue;
      }
      if (!has_unk_) continue;  // the character is lost
      if (unk_id_ < 0) {
        fail(ErrorCode::corrupt, "{}: the unknown token \"{}\" is needed but not in the vocabulary",
             where_, unk_token_);
      }
      if (unknown > 0 && !fuse_unk_) push(unk_id_, std::exchange(unknown, 0));
      unknown += size;
    }
    if (unknown > 0) push(unk_id_, unknown);
  }

  void merge(std::vector<Symbol>& symbols) const {
    std::vector<Candidate> start;
    for (size_t i = 0; i + 1 < symbols.size(); ++i) {
      if (const Merge* found = merges_.find(symbols[i].id, symbols[i + 1].id)) {
        start.push_back({found->rank, static_cast<int32_t>(i), found->id});
      }
    }
    std::priority_queue<Candidate> queue(std::less<Candidate>{}, std::move(start));
    const auto at = [&](int32_t i) -> Symbol& { return symbols[static_cast<size_t>(i)]; };
    const auto offer = [&](int32_t left) {
      if (const Merge* found = merges_.find(at(left).id, at(at(left).next).id)) {
        queue.push({found->rank, left, found->id});
      }
    };
    while (!queue.empty()) {
      const Candidate top = queue.top();
      queue.pop();
      Symbol& left = at(top.at);
      if (left.id < 0 || left.next < 0) continue;
      Symbol& right = at(left.next);
      // Either side may have changed since the candidate was queued.
      const Merge* found = merges_.find(left.id, right.id);
      if (found == nullptr || found->id != top.id) continue;
      left.id = top.id;
      left.size += right.size;
      left.next = right.next;
      right.id = -1;
      if (left.next >= 0) at(left.next).previous = top.at;
      if (left.previous >= 0) offer(left.previous);
      if (left.next >= 0) offer(top.at);
    }
  }

  std::string where_;
  Vocabulary vocab_;
  MergeTable merges_;
  std::string unk_token_;
  std::string prefix_;
  std::string suffix_;
  bool has_unk_ = false;
  bool fuse_unk_ = false;
  bool byte_fallback_ = false;
  bool ignore_merges_ = false;
  int32_t unk_id_ = -1;
  std::array<int32_t, 0x800> char_ids_{};  // of one- and two-byte characters
  std::array<int32_t, 256> byte_ids_{};    // of <0x00> to <0xFF>
};

}  // namespace

std::unique_ptr<Model> make_bpe(TokenizerFile& file) { return std::make_unique<Bpe>(file); }

}  // namespace tarn::text
