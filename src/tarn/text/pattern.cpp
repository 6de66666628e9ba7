#include "tarn/text/pattern.h"

#include <algorithm>
#include <utility>

#include "tarn/base/error.h"
#include "tarn/text/json_fields.h"

namespace tarn::text {
namespace {

void add_gap(std::vector<Cut>& cuts, size_t begin, size_t end) {
  if (begin < end) {
    cuts.push_back({{static_cast<uint32_t>(begin), static_cast<uint32_t>(end)}, false});
  }
}

class RegexPattern final : public Pattern {
 public:
  RegexPattern(std::string_view pattern, std::string_view where) : regex_(pattern, where) {}

  std::unique_ptr<PatternSearch> search() const override {
    class Search final : public PatternSearch {
     public:
      explicit Search(const Regex& regex) : search_(regex) {}
      void cut(std::string_view text, std::vector<Cut>& cuts) override {
        cuts.clear();
        if (text.empty()) return;
        search_.reset(text);
        size_t done = 0;
        for (Span match; search_.next(match); done = match.end) {
          add_gap(cuts, done, match.begin);
          cuts.push_back({match, true});
        }
        add_gap(cuts, done, text.size());
      }

     private:
      RegexSearch search_;
    };
    return std::make_unique<Search>(regex_);
  }

 private:
  Regex regex_;
};

class LiteralPattern final : public Pattern {
 public:
  explicit LiteralPattern(std::string text) : text_(std::move(text)) {}

  std::unique_ptr<PatternSearch> search() const override {
    class Search final : public PatternSearch {
     public:
      explicit Search(const std::string& literal) : literal_(literal) {}
      void cut(std::string_view text, std::vector<Cut>& cuts) override {
        cuts.clear();
        size_t done = 0;
        for (size_t at = text.find(literal_); at != std::string_view::npos;
             at = text.find(literal_, done)) {
          add_gap(cuts, done, at);
          done = at + literal_.size();
          cuts.push_back({{static_cast<uint32_t>(at), static_cast<uint32_t>(done)}, true});
        }
        add_gap(cuts, done, text.size());
      }

     private:
      const std::string& literal_;
    };
    return std::make_unique<Search>(text_);
  }

 private:
  std::string text_;
};

class CharPattern final : public Pattern {
 public:
  explicit CharPattern(bool (*belongs)(char32_t)) : belongs_(belongs) {}

  std::unique_ptr<PatternSearch> search() const override {
    class Search final : public PatternSearch {
     public:
      explicit Search(bool (*belongs)(char32_t)) : belongs_(belongs) {}
      void cut(std::string_view text, std::vector<Cut>& cuts) override {
        cuts.clear();
        size_t done = 0;
        for (size_t pos = 0; pos < text.size();) {
          const size_t begin = pos;
          if (!belongs_(next_char(text, pos))) continue;
          add_gap(cuts, done, begin);
          cuts.push_back({{static_cast<uint32_t>(begin), static_cast<uint32_t>(pos)}, true});
          done = pos;
        }
        add_gap(cuts, done, text.size());
      }

     private:
      bool (*belongs_)(char32_t);
    };
    return std::make_unique<Search>(belongs_);
  }

 private:
  bool (*belongs_)(char32_t);
};

}  // namespace

std::unique_ptr<Pattern> Pattern::regex(std::string_view pattern, std::string_view where) {
  return std::make_unique<RegexPattern>(pattern, where);
}

std::unique_ptr<Pattern> Pattern::literal(std::string text) {
  return std::make_unique<LiteralPattern>(std::move(text));
}

std::unique_ptr<Pattern> Pattern::chars(bool (*belongs)(char32_t)) {
  return std::make_unique<CharPattern>(belongs);
}

std::unique_ptr<Pattern> Pattern::from_json(const json& value, std::string_view where) {
  const Fields fields(value, where);
  if (fields.has("Regex")) return regex(fields.string("Regex"), where);
  std::string text = fields.string("String");
  if (text.empty()) return regex("", where);
  return literal(std::move(text));
}

SplitBehavior split_behavior(std::string_view name, std::string_view where) {
  if (name == "Removed") return SplitBehavior::removed;
  if (name == "Isolated") return SplitBehavior::isolated;
  if (name == "MergedWithPrevious") return SplitBehavior::merged_with_previous;
  if (name == "MergedWithNext") return SplitBehavior::merged_with_next;
  if (name == "Contiguous") return SplitBehavior::contiguous;
  fail(ErrorCode::corrupt,
       "{}: unknown split behavior \"{}\": expected Removed, Isolated, MergedWithPrevious, "
       "MergedWithNext or Contiguous",
       where, name);
}

void split_cuts(const std::vector<Cut>& cuts, SplitBehavior behavior, std::vector<Span>& parts) {
  parts.clear();
  bool previous = false;
  switch (behavior) {
    case SplitBehavior::removed:
      for (const Cut& cut : cuts) {
        if (!cut.is_match) parts.push_back(cut.range);
      }
      break;
    case SplitBehavior::isolated:
      for (const Cut& cut : cuts) parts.push_back(cut.range);
      break;
    case SplitBehavior::contiguous:
      for (const Cut& cut : cuts) {
        if (cut.is_match == previous && !parts.empty()) {
          parts.back().end = cut.range.end;
        } else {
          parts.push_back(cut.range);
        }
        previous = cut.is_match;
      }
      break;
    case SplitBehavior::merged_with_previous:
      for (const Cut& cut : cuts) {
        if (cut.is_match && !previous && !parts.empty()) {
          parts.back().end = cut.range.end;
        } else {
          parts.push_back(cut.range);
        }
        previous = cut.is_match;
      }
      break;
    case SplitBehavior::merged_with_next:
      for (auto cut = cuts.rbegin(); cut != cuts.rend(); ++cut) {
        if (cut->is_match && !previous && !parts.empty()) {
          parts.back().begin = cut->range.begin;
        } else {
          parts.push_back(cut->range);
        }
        previous = cut->is_match;
      }
      std::reverse(parts.begin(), parts.end());
      break;
  }
}

}  // namespace tarn::text
