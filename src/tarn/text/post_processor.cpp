#include "tarn/text/post_processor.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "tarn/base/error.h"
#include "tarn/text/byte_level.h"
#include "tarn/text/json_fields.h"
#include "tarn/text/tokenizer_file.h"
#include "tarn/text/unicode.h"

namespace tarn::text {
namespace {

// Takes the white space at a token's ends out of its offsets. With `prefixed`, a single space at
// the start of the text was put there by the pre-tokenizer and covers nothing.
void trim_offsets(Encoding& encoding, bool prefixed) {
  for (size_t i = 0; i < encoding.size(); ++i) {
    const std::string& token = encoding.tokens[i];
    uint32_t chars = 0;
    uint32_t leading = 0;
    uint32_t trailing = 0;
    for (size_t pos = 0; pos < token.size(); ++chars) {
      const char32_t c = next_char(token, pos);
      const bool space = c == kByteLevelSpace || is_whitespace(c);
      trailing = space ? trailing + 1 : 0;
      if (space && leading == chars) ++leading;
    }
    auto& [begin, end] = encoding.offsets[i];
    if (leading > 0) {
      const bool first = i == 0 || begin == 0;
      if (first && prefixed && leading == 1) leading = 0;
      begin = std::min(begin + leading, end);
    }
    if (trailing > 0 && end >= trailing) end = std::max(end - trailing, begin);
  }
}

class ByteLevel final : public PostProcessor {
 public:
  explicit ByteLevel(const Fields& fields)
      : trim_(fields.boolean("trim_offsets")), prefixed_(fields.boolean("add_prefix_space")) {}
  void apply(std::vector<Encoding>& parts, bool) const override {
    if (!trim_) return;
    for (Encoding& part : parts) trim_offsets(part, prefixed_);
  }

 private:
  bool trim_;
  bool prefixed_;
};

struct SpecialToken {
  std::string token;
  int32_t id;
};

// ["token", id]
SpecialToken read_pair(const Fields& fields, const char* key, std::string_view where) {
  const json& pair = fields.array(key);
  if (pair.size() != 2) fail(ErrorCode::corrupt, "{}: \"{}\" must be [token, id]", where, key);
  return {json_string(pair[0], where, key),
          static_cast<int32_t>(json_integer(pair[1], kMaxTokenId, where, key))};
}

Encoding wrap(const SpecialToken& before, const Encoding& inner, const SpecialToken& after,
              int32_t type_before, int32_t type_after) {
  Encoding out;
  out.add(before.id, type_before, before.token, {0, 0});
  out.append(inner);
  out.add(after.id, type_after, after.token, {0, 0});
  return out;
}

class Bert final : public PostProcessor {
 public:
  Bert(const Fields& fields, std::string_view where)
      : sep_(read_pair(fields, "sep", where)), cls_(read_pair(fields, "cls", where)) {}

  void apply(std::vector<Encoding>& parts, bool add_special_tokens) const override {
    if (!add_special_tokens) return;
    for (size_t i = 0; i < parts.size(); ++i) {
      if (i == 0) {
        parts[i] = wrap(cls_, parts[i], sep_, 0, 0);
      } else {
        parts[i].add(sep_.id, 1, sep_.token, {0, 0});
      }
    }
  }

 private:
  SpecialToken sep_;
  SpecialToken cls_;
};

class Roberta final : public PostProcessor {
 public:
  Roberta(const Fields& fields, std::string_view where)
      : sep_(read_pair(fields, "sep", where)),
        cls_(read_pair(fields, "cls", where)),
        trim_(fields.boolean("trim_offsets")),
        prefixed_(fields.boolean("add_prefix_space")) {}

  void apply(std::vector<Encoding>& parts, bool add_special_tokens) const override {
    for (size_t i = 0; i < parts.size(); ++i) {
      if (trim_) trim_offsets(parts[i], prefixed_);
      parts[i].set_type_ids(0);
      if (add_special_tokens) parts[i] = wrap(i == 0 ? cls_ : sep_, parts[i], sep_, 0, 0);
    }
  }

 private:
  SpecialToken sep_;
  SpecialToken cls_;
  bool trim_;
  bool prefixed_;
};

class Template final : public PostProcessor {
 public:
  Template(const Fields& fields, std::string_view where) {
    if (fields.has("special_tokens")) read_specials(fields.at("special_tokens"), where);
    single_ = read_pieces(fields.array("single"), where);
    pair_ = read_pieces(fields.array("pair"), where);
    where_ = where;
  }

  void apply(std::vector<Encoding>& parts, bool add_special_tokens) const override {
    const std::vector<Piece>& pieces = parts.size() == 2 ? pair_ : single_;
    check(pieces, static_cast<int>(parts.size()));
    std::vector<Encoding> out;
    for (const Piece& piece : pieces) {
      if (piece.sequence >= 0) {
        out.push_back(parts[static_cast<size_t>(piece.sequence)]);
        out.back().set_type_ids(piece.type_id);
      } else if (add_special_tokens) {
        Encoding special;
        for (const SpecialToken& token : specials_.at(piece.special)) {
          special.add(token.id, piece.type_id, token.token, {0, 0});
        }
        out.push_back(std::move(special));
      }
    }
    parts = std::move(out);
  }

 private:
  struct Piece {
    int sequence = -1;  // 0 or 1, or -1 for a special token
    std::string special;
    int32_t type_id = 0;
  };

  // A template that leaves a text out would drop it silently.
  void check(const std::vector<Piece>& pieces, int texts) const {
    int named = 0;
    for (int text = 0; text < texts; ++text) {
      named += std::any_of(pieces.begin(), pieces.end(),
                           [&](const Piece& piece) { return piece.sequence == text; });
    }
    const bool more = std::any_of(pieces.begin(), pieces.end(),
                                  [&](const Piece& piece) { return piece.sequence >= texts; });
    if (named != texts || more) {
      fail(ErrorCode::unsupported,
           "{}: the template for {} must name {} and no other text: change the file", where_,
           texts == 1 ? "one text" : "two texts", texts == 1 ? "A" : "A and B");
    }
  }

  void read_specials(const json& value, std::string_view where) {
    if (!value.is_object()) {
      fail(ErrorCode::corrupt, "{}: \"special_tokens\" must be an object, found {}", where,
           value.type_name());
    }
    for (const auto& item : value.items()) {
      const Fields fields(item.value(), where);
      const json& ids = fields.array("ids");
      const json& tokens = fields.array("tokens");
      if (ids.size() != tokens.size()) {
        fail(ErrorCode::corrupt, "{}: special token \"{}\" has {} ids and {} tokens", where,
             item.key(), ids.size(), tokens.size());
      }
      std::vector<SpecialToken>& list = specials_[item.key()];
      for (size_t i = 0; i < ids.size(); ++i) {
        list.push_back({json_string(tokens[i], where, "tokens"),
                        static_cast<int32_t>(json_integer(ids[i], kMaxTokenId, where, "ids"))});
      }
    }
  }

  std::vector<Piece> read_pieces(const json& list, std::string_view where) const {
    std::vector<Piece> out;
    for (const json& item : list) {
      const Fields fields(item, where);
      Piece piece;
      const bool is_sequence = fields.has("Sequence");
      const Fields inner(fields.at(is_sequence ? "Sequence" : "SpecialToken"), where);
      const std::string id = inner.string("id");
      piece.type_id = static_cast<int32_t>(inner.integer("type_id", kMaxTokenId));
      if (is_sequence) {
        if (id != "A" && id != "B") {
          fail(ErrorCode::corrupt, "{}: a template names the text \"{}\": expected A or B", where,
               id);
        }
        piece.sequence = id == "A" ? 0 : 1;
      } else {
        if (!specials_.contains(id)) {
          fail(ErrorCode::corrupt, "{}: a template uses \"{}\", which \"special_tokens\" lacks",
               where, id);
        }
        piece.special = id;
      }
      out.push_back(std::move(piece));
    }
    return out;
  }

  std::string where_;
  std::map<std::string, std::vector<SpecialToken>> specials_;
  std::vector<Piece> single_;
  std::vector<Piece> pair_;
};

class Sequence final : public PostProcessor {
 public:
  Sequence(const json& list, std::string_view where) {
    for (const json& item : list) {
      if (auto part = make_post_processor(item, where)) steps_.push_back(std::move(part));
    }
  }
  void apply(std::vector<Encoding>& parts, bool add_special_tokens) const override {
    for (const auto& step : steps_) step->apply(parts, add_special_tokens);
  }

 private:
  std::vector<std::unique_ptr<PostProcessor>> steps_;
};

}  // namespace

std::unique_ptr<PostProcessor> make_post_processor(const json& value, std::string_view where) {
  if (value.is_null()) return nullptr;
  const std::string type = Fields(value, where).string("type");
  const std::string inner = fmt::format("{}: {}", where, type);
  const Fields fields(value, inner);
  if (type == "TemplateProcessing") return std::make_unique<Template>(fields, inner);
  if (type == "BertProcessing") return std::make_unique<Bert>(fields, inner);
  if (type == "RobertaProcessing") return std::make_unique<Roberta>(fields, inner);
  if (type == "ByteLevel") return std::make_unique<ByteLevel>(fields);
  if (type == "Sequence") return std::make_unique<Sequence>(fields.array("processors"), inner);
  fail(ErrorCode::unsupported, "{}: unknown post-processor \"{}\"", where, type);
}

}  // namespace tarn::text
