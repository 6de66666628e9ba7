#include "tarn/text/pre_tokenizer.h"

#include <string>
#include <utility>

#include "tarn/base/error.h"
#include "tarn/text/byte_level.h"
#include "tarn/text/json_fields.h"
#include "tarn/text/pattern.h"
#include "tarn/text/unicode.h"
#include "tarn/text/unicode_scripts.h"

namespace tarn::text {
namespace {

// Replaces every open piece by the parts that `cut(view, parts)` names, relative to the piece.
template <typename CutPiece>
void cut_pieces(Pieces& all, CutPiece&& cut) {
  std::vector<Piece> out;
  out.reserve(all.pieces.size());
  std::vector<Span> parts;
  for (const Piece& piece : all.pieces) {
    if (piece.id >= 0) {
      out.push_back(piece);
      continue;
    }
    parts.clear();
    cut(all.text.view(piece.range), parts);
    for (const Span part : parts) {
      if (part.empty()) continue;
      out.push_back({{piece.range.begin + part.begin, piece.range.begin + part.end}, -1});
    }
  }
  all.pieces = std::move(out);
}

// Rebuilds the text, each open piece written by `rewrite(text, range, out)`.
template <typename Rewrite>
void rewrite_pieces(Pieces& all, Rewrite&& rewrite) {
  AlignedText out = all.text.empty_like(all.text.size() + all.pieces.size());
  for (Piece& piece : all.pieces) {
    const uint32_t begin = out.size();
    if (piece.id >= 0) {
      out.append(all.text, piece.range);
    } else {
      rewrite(all.text, piece.range, out);
    }
    piece.range = {begin, out.size()};
  }
  all.text = std::move(out);
}

void split_pieces(Pieces& all, const Pattern& pattern, SplitBehavior behavior,
                  bool invert = false) {
  const auto search = pattern.search();
  std::vector<Cut> cuts;
  cut_pieces(all, [&](std::string_view text, std::vector<Span>& parts) {
    search->cut(text, cuts);
    if (invert) {
      for (Cut& cut : cuts) cut.is_match = !cut.is_match;
    }
    split_cuts(cuts, behavior, parts);
  });
}

class Split final : public PreTokenizer {
 public:
  Split(std::unique_ptr<Pattern> pattern, SplitBehavior behavior, bool invert = false)
      : pattern_(std::move(pattern)), behavior_(behavior), invert_(invert) {}
  void apply(Pieces& pieces) const override { split_pieces(pieces, *pattern_, behavior_, invert_); }

 private:
  std::unique_ptr<Pattern> pattern_;
  SplitBehavior behavior_;
  bool invert_;
};

class ByteLevel final : public PreTokenizer {
 public:
  ByteLevel(const Fields& fields, std::string_view where)
      : prefix_(fields.boolean("add_prefix_space")) {
    if (fields.boolean("use_regex", true)) {
      static constexpr std::string_view kGpt2 =
          R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
      pattern_ = Pattern::regex(kGpt2, where);
    }
  }

  void apply(Pieces& pieces) const override {
    if (prefix_) {
      rewrite_pieces(pieces, [](const AlignedText& text, Span range, AlignedText& out) {
        if (text.view(range).front() != ' ') out.append(U' ', text.source(range.begin));
        out.append(text, range);
      });
    }
    if (pattern_) split_pieces(pieces, *pattern_, SplitBehavior::isolated);
    rewrite_pieces(pieces, [](const AlignedText& text, Span range, AlignedText& out) {
      for (uint32_t i = range.begin; i < range.end; ++i) {
        out.append(byte_to_char(static_cast<uint8_t>(text.str()[i])), text.source(i));
      }
    });
  }

 private:
  bool prefix_;
  std::unique_ptr<Pattern> pattern_;
};

class Metaspace final : public PreTokenizer {
 public:
  Metaspace(char32_t replacement, std::string_view scheme, bool split)
      : replacement_(replacement),
        always_(scheme == "always"),
        first_(scheme == "first"),
        split_(split) {
    std::string text;
    append_char(text, replacement);
    pattern_ = Pattern::literal(std::move(text));
  }

  void apply(Pieces& pieces) const override {
    rewrite_pieces(pieces, [this](const AlignedText& text, Span range, AlignedText& out) {
      size_t pos = range.begin;
      const char32_t front = next_char(text.str(), pos);
      const bool marked = front == U' ' || front == replacement_;
      const bool at_start = text.source(range.begin).begin == 0;
      if (!marked && (always_ || (first_ && at_start))) {
        out.append(replacement_, text.source(range.begin));
      }
      for (pos = range.begin; pos < range.end;) {
        const auto begin = static_cast<uint32_t>(pos);
        const char32_t c = next_char(text.str(), pos);
        if (c == U' ') {
          out.append(replacement_, text.source(begin));
        } else {
          out.append(text, {begin, static_cast<uint32_t>(pos)});
        }
      }
    });
    if (split_) split_pieces(pieces, *pattern_, SplitBehavior::merged_with_next);
  }

 private:
  char32_t replacement_;
  bool always_;
  bool first_;
  bool split_;
  std::unique_ptr<Pattern> pattern_;
};

class FixedLength final : public PreTokenizer {
 public:
  explicit FixedLength(size_t length) : length_(length) {}
  void apply(Pieces& pieces) const override {
    cut_pieces(pieces, [this](std::string_view text, std::vector<Span>& parts) {
      for (size_t pos = 0; pos < text.size();) {
        const auto begin = static_cast<uint32_t>(pos);
        for (size_t i = 0; i < length_ && pos < text.size(); ++i) pos += char_bytes(text[pos]);
        parts.push_back({begin, static_cast<uint32_t>(pos)});
      }
    });
  }

 private:
  size_t length_;
};

class Sequence final : public PreTokenizer {
 public:
  void add(std::unique_ptr<PreTokenizer> part) { parts_.push_back(std::move(part)); }
  void apply(Pieces& pieces) const override {
    for (const auto& part : parts_) part->apply(pieces);
  }

 private:
  std::vector<std::unique_ptr<PreTokenizer>> parts_;
};

std::unique_ptr<PreTokenizer> make_metaspace(const Fields& fields, std::string_view where) {
  const std::string scheme = fields.string("prepend_scheme", "always");
  if (scheme != "always" && scheme != "first" && scheme != "never") {
    fail(ErrorCode::corrupt, "{}: unknown prepend_scheme \"{}\": expected always, first or never",
         where, scheme);
  }
  if (fields.has("add_prefix_space") && !fields.boolean("add_prefix_space") && scheme != "never") {
    fail(ErrorCode::corrupt, "{}: add_prefix_space is false, which prepend_scheme \"{}\" denies",
         where, scheme);
  }
  return std::make_unique<Metaspace>(fields.character("replacement"), scheme,
                                     fields.boolean("split", true));
}

std::unique_ptr<PreTokenizer> make_bert() {
  auto out = std::make_unique<Sequence>();
  out->add(std::make_unique<Split>(Pattern::chars(is_whitespace), SplitBehavior::removed));
  out->add(std::make_unique<Split>(Pattern::chars(is_punctuation), SplitBehavior::isolated));
  return out;
}

}  // namespace

std::unique_ptr<PreTokenizer> make_pre_tokenizer(const json& value, std::string_view where) {
  if (value.is_null()) return nullptr;
  const std::string type = Fields(value, where).string("type");
  const std::string inner = fmt::format("{}: {}", where, type);
  const Fields fields(value, inner);
  const auto chars = [](bool (*belongs)(char32_t), SplitBehavior behavior) {
    return std::make_unique<Split>(Pattern::chars(belongs), behavior);
  };
  if (type == "Sequence") {
    auto out = std::make_unique<Sequence>();
    for (const json& item : fields.array("pretokenizers")) {
      if (auto part = make_pre_tokenizer(item, inner)) out->add(std::move(part));
    }
    return out;
  }
  if (type == "Split") {
    return std::make_unique<Split>(Pattern::from_json(fields.at("pattern"), inner),
                                   split_behavior(fields.string("behavior"), inner),
                                   fields.boolean("invert", false));
  }
  if (type == "ByteLevel") return std::make_unique<ByteLevel>(fields, inner);
  if (type == "Metaspace") return make_metaspace(fields, inner);
  if (type == "BertPreTokenizer") return make_bert();
  if (type == "WhitespaceSplit") return chars(is_whitespace, SplitBehavior::removed);
  if (type == "Whitespace") {
    return std::make_unique<Split>(
        Pattern::regex(R"([\w\x{200c}\x{200d}]+|[^\w\x{200c}\x{200d}\s]+)", inner),
        SplitBehavior::removed, true);
  }
  if (type == "Punctuation") {
    return chars(is_punctuation, split_behavior(fields.string("behavior", "Isolated"), inner));
  }
  if (type == "Digits") {
    return chars(is_numeric, fields.boolean("individual_digits", false)
                                 ? SplitBehavior::isolated
                                 : SplitBehavior::contiguous);
  }
  if (type == "CharDelimiterSplit" || type == "Delimiter") {
    std::string delimiter;
    append_char(delimiter, fields.character("delimiter"));
    return std::make_unique<Split>(Pattern::literal(std::move(delimiter)), SplitBehavior::removed);
  }
  if (type == "UnicodeScripts") {
    return std::make_unique<Split>(Pattern::regex(script_run_pattern(), inner),
                                   SplitBehavior::removed, true);
  }
  if (type == "FixedLength") {
    const auto length = static_cast<size_t>(fields.integer("length", 1 << 30, 5));
    if (length == 0) fail(ErrorCode::corrupt, "{}: \"length\" must be at least 1", inner);
    return std::make_unique<FixedLength>(length);
  }
  fail(ErrorCode::unsupported, "{}: unknown pre-tokenizer \"{}\"", where, type);
}

}  // namespace tarn::text
