#include "tarn/text/added_tokens.h"

#include <algorithm>
#include <utility>

#include "tarn/base/error.h"
#include "tarn/base/log.h"
#include "tarn/text/json_fields.h"
#include "tarn/text/tokenizer_file.h"
#include "tarn/text/unicode.h"

namespace tarn::text {
namespace {

// The character that ends at `end`, and where it begins.
char32_t char_before(std::string_view text, size_t end, size_t& begin) {
  begin = end - 1;
  while ((static_cast<uint8_t>(text[begin]) & 0xC0) == 0x80) --begin;
  size_t pos = begin;
  return next_char(text, pos);
}

bool stands_alone(std::string_view text, Span range) {
  size_t pos = range.begin;
  if (pos > 0 && is_word(char_before(text, range.begin, pos))) return false;
  pos = range.end;
  return pos == text.size() || !is_word(next_char(text, pos));
}

AddedToken read_token(const json& value, std::string_view where) {
  const Fields fields(value, where);
  AddedToken token;
  token.content = fields.string("content");
  token.id = static_cast<int32_t>(fields.integer("id", kMaxTokenId));
  token.single_word = fields.boolean("single_word", false);
  token.lstrip = fields.boolean("lstrip", false);
  token.rstrip = fields.boolean("rstrip", false);
  token.special = fields.boolean("special", false);
  token.normalized = fields.boolean("normalized", !token.special);
  return token;
}

}  // namespace

AddedTokens::AddedTokens(const json& list, const Model& model, const Normalizer* normalizer,
                         std::string_view where) {
  if (list.is_null()) return;
  const std::string inner = fmt::format("{}: added_tokens", where);
  if (!list.is_array()) {
    fail(ErrorCode::corrupt, "{}: must be a list, found {}", inner, list.type_name());
  }
  std::vector<AddedToken> order;
  int32_t next_id = model.size();
  for (const json& item : list) {
    AddedToken token = read_token(item, inner);
    if (token.content.empty()) continue;
    const int32_t expected = token.id;
    if (const auto known = id(token.content)) {
      token.id = *known;
    } else if (const auto in_model = model.token_to_id(token.content)) {
      token.id = *in_model;
    } else {
      token.id = next_id;
    }
    if (token.id > kMaxTokenId) fail(ErrorCode::corrupt, "{}: more tokens than ids", inner);
    if (token.id != expected) {
      logging::warn("{}: \"{}\" gets the id {}, the file says {}", inner, token.content, token.id,
                    expected);
    }
    next_id = std::max(next_id, token.id + 1);
    id_limit_ = std::max(id_limit_, token.id + 1);
    if (token.special) special_.insert(token.content);
    token.decoded = token.content;
    if (token.normalized && normalizer != nullptr) {
      AlignedText text(token.content);
      normalizer->apply(text);
      token.decoded = text.str();
    }
    const bool repeated = !ids_.emplace(token.content, token.id).second;
    by_id_[token.id] = token;
    if (!repeated) order.push_back(std::move(token));
  }

  std::vector<std::string> raw;
  std::vector<std::string> normalized;
  // Special tokens come first: of two that normalize to the same text the first one counts.
  std::stable_partition(order.begin(), order.end(),
                        [](const AddedToken& token) { return token.special; });
  for (const AddedToken& token : order) {
    if (token.normalized) {
      normalized.push_back(token.decoded);
      normalized_ids_.push_back(token.id);
    } else {
      raw.push_back(token.content);
      raw_ids_.push_back(token.id);
    }
  }
  raw_matcher_ = StringMatcher(raw);
  normalized_matcher_ = StringMatcher(normalized);
}

std::vector<AddedTokens::Part> AddedTokens::split(std::string_view text, bool normalized) const {
  const StringMatcher& matcher = normalized ? normalized_matcher_ : raw_matcher_;
  const std::vector<int32_t>& ids = normalized ? normalized_ids_ : raw_ids_;
  std::vector<Part> parts;
  uint32_t done = 0;
  size_t from = 0;
  while (const auto match = matcher.find(text, from)) {
    from = match->range.end;
    const AddedToken& token = by_id_.at(ids[match->pattern]);
    Span range = match->range;
    if (token.single_word && !stands_alone(text, range)) continue;
    if (token.lstrip) {
      uint32_t begin = range.begin;
      for (size_t at = begin; begin > done; begin = static_cast<uint32_t>(at)) {
        if (!is_whitespace(char_before(text, begin, at))) break;
      }
      range.begin = std::max(begin, done);
    }
    if (token.rstrip) {
      for (size_t at = range.end; at < text.size(); range.end = static_cast<uint32_t>(at)) {
        if (!is_whitespace(next_char(text, at))) break;
      }
    }
    if (done < range.begin) parts.push_back({{done, range.begin}, nullptr});
    parts.push_back({range, &token});
    done = range.end;
  }
  if (done < text.size()) parts.push_back({{done, static_cast<uint32_t>(text.size())}, nullptr});
  return parts;
}

std::optional<int32_t> AddedTokens::id(std::string_view content) const {
  const auto it = ids_.find(content);
  return it == ids_.end() ? std::nullopt : std::optional(it->second);
}

const AddedToken* AddedTokens::token(int32_t id) const {
  const auto it = by_id_.find(id);
  return it == by_id_.end() ? nullptr : &it->second;
}

size_t AddedTokens::outside(const Model& model) const {
  return static_cast<size_t>(std::count_if(ids_.begin(), ids_.end(), [&](const auto& entry) {
    return !model.token_to_id(entry.first).has_value();
  }));
}

}  // namespace tarn::text
