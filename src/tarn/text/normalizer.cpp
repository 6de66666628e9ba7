#include "tarn/text/normalizer.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "tarn/base/error.h"
#include "tarn/text/byte_level.h"
#include "tarn/text/charsmap.h"
#include "tarn/text/json_fields.h"
#include "tarn/text/pattern.h"
#include "tarn/text/unicode.h"

namespace tarn::text {
namespace {

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return static_cast<uint8_t>(c) < 0x80; });
}

template <typename Keep>
void filter(AlignedText& text, Keep&& keep) {
  Changes changes;
  size_t removed = 0;
  const std::string& s = text.str();
  for (size_t pos = 0; pos < s.size();) {
    const char32_t c = next_char(s, pos);
    if (keep(c)) {
      changes.push_back({c, 0});
    } else if (changes.empty()) {
      ++removed;
    } else {
      --changes.back().change;
    }
  }
  if (changes.size() < s.size()) text.change(changes, removed);
}

template <typename Map>
void map_chars(AlignedText& text, Map&& map) {
  Changes changes;
  const std::string& s = text.str();
  changes.reserve(s.size());
  for (size_t pos = 0; pos < s.size();) changes.push_back({map(next_char(s, pos)), 0});
  text.change(changes);
}

class UnicodeForm final : public Normalizer {
 public:
  explicit UnicodeForm(NormalForm form) : form_(form) {}
  void apply(AlignedText& text) const override {
    if (!is_ascii(text.str())) text.change(normalize(text.str(), form_));
  }

 private:
  NormalForm form_;
};

void lowercase(AlignedText& text) {
  Changes changes;
  std::u32string lower;
  const std::string& s = text.str();
  changes.reserve(s.size());
  for (size_t pos = 0; pos < s.size();) {
    lower.clear();
    append_lower(next_char(s, pos), lower);
    for (size_t i = 0; i < lower.size(); ++i) changes.push_back({lower[i], i == 0 ? 0 : 1});
  }
  text.change(changes);
}

class Lowercase final : public Normalizer {
 public:
  void apply(AlignedText& text) const override { lowercase(text); }
};

class Strip final : public Normalizer {
 public:
  Strip(bool left, bool right) : left_(left), right_(right) {}
  void apply(AlignedText& text) const override {
    const std::string& s = text.str();
    uint32_t begin = 0;
    uint32_t end = text.size();
    for (size_t pos = 0; left_ && pos < s.size(); begin = static_cast<uint32_t>(pos)) {
      if (!is_whitespace(next_char(s, pos))) break;
    }
    for (uint32_t pos = end; right_ && pos > begin;) {
      do --pos;
      while ((static_cast<uint8_t>(s[pos]) & 0xC0) == 0x80);
      size_t at = pos;
      if (!is_whitespace(next_char(s, at))) break;
      end = pos;
    }
    if (begin > 0 || end < text.size()) text = text.slice({begin, end});
  }

 private:
  bool left_;
  bool right_;
};

class StripAccents final : public Normalizer {
 public:
  void apply(AlignedText& text) const override {
    filter(text, [](char32_t c) { return !is_mark(c); });
  }
};

class Nmt final : public Normalizer {
 public:
  void apply(AlignedText& text) const override {
    filter(text, [](char32_t c) {
      return !((c >= 0x01 && c <= 0x08) || c == 0x0B || (c >= 0x0E && c <= 0x1F) || c == 0x7F ||
               c == 0x8F || c == 0x9F);
    });
    map_chars(text, [](char32_t c) -> char32_t {
      const bool space = c == 0x09 || c == 0x0A || c == 0x0C || c == 0x0D || c == 0x1680 ||
                         (c >= 0x200B && c <= 0x200F) || c == 0x2028 || c == 0x2029 ||
                         c == 0x2581 || c == 0xFEFF || c == 0xFFFD;
      return space ? U' ' : c;
    });
  }
};

class Bert final : public Normalizer {
 public:
  explicit Bert(const Fields& fields)
      : clean_(fields.boolean("clean_text", true)),
        chinese_(fields.boolean("handle_chinese_chars", true)),
        lower_(fields.boolean("lowercase", true)),
        strip_(fields.boolean("strip_accents", lower_)) {}

  void apply(AlignedText& text) const override {
    if (clean_) clean(text);
    if (chinese_) space_ideographs(text);
    if (strip_) {
      if (!is_ascii(text.str())) text.change(normalize(text.str(), NormalForm::nfd));
      filter(text, [](char32_t c) { return !is_nonspacing_mark(c); });
    }
    if (lower_) lowercase(text);
  }

 private:
  static void clean(AlignedText& text) {
    filter(text, [](char32_t c) {
      if (c == '\t' || c == '\n' || c == '\r') return true;
      return c != 0 && c != 0xFFFD && !is_other(c);
    });
    map_chars(text, [](char32_t c) { return is_whitespace(c) ? U' ' : c; });
  }

  static bool is_ideograph(char32_t c) {
    return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) ||
           (c >= 0x20000 && c <= 0x2A6DF) || (c >= 0x2A700 && c <= 0x2B73F) ||
           (c >= 0x2B740 && c <= 0x2B81F) || (c >= 0x2B920 && c <= 0x2CEAF) ||
           (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x2F800 && c <= 0x2FA1F);
  }

  static void space_ideographs(AlignedText& text) {
    Changes changes;
    const std::string& s = text.str();
    for (size_t pos = 0; pos < s.size();) {
      const char32_t c = next_char(s, pos);
      if (is_ideograph(c)) {
        changes.insert(changes.end(), {{U' ', 0}, {c, 1}, {U' ', 1}});
      } else {
        changes.push_back({c, 0});
      }
    }
    text.change(changes);
  }

  bool clean_;
  bool chinese_;
  bool lower_;
  bool strip_;
};

class Precompiled final : public Normalizer {
 public:
  Precompiled(const std::string& base64, std::string_view where) : map_(base64, where) {}

  void apply(AlignedText& text) const override {
    const std::string_view s = text.str();
    Changes changes;
    changes.reserve(s.size());
    bool changed = false;
    for (size_t pos = 0; pos < s.size();) {
      const std::string_view cluster = s.substr(pos, grapheme_end(s, pos) - pos);
      pos += cluster.size();
      // SentencePiece's map knows short clusters; longer ones go character by character.
      if (cluster.size() < 6) {
        if (const auto found = map_.find(cluster)) {
          replace(changes, cluster, *found);
          changed = true;
          continue;
        }
      }
      for (size_t at = 0; at < cluster.size();) {
        const size_t begin = at;
        const char32_t c = next_char(cluster, at);
        const std::string_view part = cluster.substr(begin, at - begin);
        if (const auto found = map_.find(part)) {
          replace(changes, part, *found);
          changed = true;
        } else {
          changes.push_back({c, 0});
        }
      }
    }
    if (changed) text.change(changes);
  }

 private:
  static void replace(Changes& changes, std::string_view old_part, std::string_view new_part) {
    const auto surplus =
        static_cast<int64_t>(count_chars(new_part)) - static_cast<int64_t>(count_chars(old_part));
    for (size_t pos = 0; pos < new_part.size();) changes.push_back({next_char(new_part, pos), 0});
    if (surplus < 0) {
      if (!changes.empty()) changes.back().change += static_cast<int32_t>(surplus);
    } else {
      for (int64_t i = 0; i < surplus; ++i) changes[changes.size() - 1 - i].change = 1;
    }
  }

  Charsmap map_;
};

class Replace final : public Normalizer {
 public:
  Replace(const json& pattern, std::string content, std::string_view where)
      : pattern_(Pattern::from_json(pattern, where)), content_(std::move(content)) {}

  void apply(AlignedText& text) const override {
    std::vector<Cut> cuts;
    pattern_->search()->cut(text.str(), cuts);
    if (std::none_of(cuts.begin(), cuts.end(), [](const Cut& cut) { return cut.is_match; })) return;
    AlignedText out = text.empty_like(text.size());
    for (const Cut& cut : cuts) {
      if (!cut.is_match) {
        out.append(text, cut.range);
        continue;
      }
      // The new text stands for what the match's last character did.
      const Span source = cut.range.end > 0 ? text.source(cut.range.end - 1) : first_of(text);
      for (size_t pos = 0; pos < content_.size();) out.append(next_char(content_, pos), source);
    }
    text = std::move(out);
  }

 private:
  static Span first_of(const AlignedText& text) {
    const uint32_t begin = text.source(0).begin;
    return {begin, begin};
  }

  std::unique_ptr<Pattern> pattern_;
  std::string content_;
};

class Prepend final : public Normalizer {
 public:
  explicit Prepend(std::string prefix) : prefix_(std::move(prefix)) {}
  void apply(AlignedText& text) const override { prepend(text, prefix_); }

 private:
  std::string prefix_;
};

class ByteLevel final : public Normalizer {
 public:
  void apply(AlignedText& text) const override {
    AlignedText out = text.empty_like(text.size() * 2);
    for (uint32_t i = 0; i < text.size(); ++i) {
      out.append(byte_to_char(static_cast<uint8_t>(text.str()[i])), text.source(i));
    }
    text = std::move(out);
  }
};

class Sequence final : public Normalizer {
 public:
  Sequence(const json& list, std::string_view where) {
    for (const json& item : list) {
      if (auto part = make_normalizer(item, where)) parts_.push_back(std::move(part));
    }
  }
  void apply(AlignedText& text) const override {
    for (const auto& part : parts_) part->apply(text);
  }

 private:
  std::vector<std::unique_ptr<Normalizer>> parts_;
};

}  // namespace

void prepend(AlignedText& text, std::string_view prefix) {
  if (text.empty()) return;
  AlignedText out = text.empty_like(text.size() + prefix.size());
  for (size_t pos = 0; pos < prefix.size();) out.append(next_char(prefix, pos), text.source(0));
  out.append(text, {0, text.size()});
  text = std::move(out);
}

std::unique_ptr<Normalizer> make_normalizer(const json& value, std::string_view where) {
  if (value.is_null()) return nullptr;
  const std::string type = Fields(value, where).string("type");
  const std::string inner = fmt::format("{}: {}", where, type);
  const Fields fields(value, inner);
  if (type == "Sequence") return std::make_unique<Sequence>(fields.array("normalizers"), inner);
  if (type == "NFC") return std::make_unique<UnicodeForm>(NormalForm::nfc);
  if (type == "NFD") return std::make_unique<UnicodeForm>(NormalForm::nfd);
  if (type == "NFKC") return std::make_unique<UnicodeForm>(NormalForm::nfkc);
  if (type == "NFKD") return std::make_unique<UnicodeForm>(NormalForm::nfkd);
  if (type == "Lowercase") return std::make_unique<Lowercase>();
  if (type == "Strip" || type == "StripNormalizer") {
    return std::make_unique<Strip>(fields.boolean("strip_left"), fields.boolean("strip_right"));
  }
  if (type == "StripAccents") return std::make_unique<StripAccents>();
  if (type == "Nmt") return std::make_unique<Nmt>();
  if (type == "BertNormalizer") return std::make_unique<Bert>(fields);
  if (type == "Precompiled") {
    return std::make_unique<Precompiled>(fields.string("precompiled_charsmap"), inner);
  }
  if (type == "Replace") {
    return std::make_unique<Replace>(fields.at("pattern"), fields.string("content"), inner);
  }
  if (type == "Prepend") return std::make_unique<Prepend>(fields.string("prepend"));
  if (type == "ByteLevel") return std::make_unique<ByteLevel>();
  fail(ErrorCode::unsupported, "{}: unknown normalizer \"{}\"", where, type);
}

}  // namespace tarn::text
