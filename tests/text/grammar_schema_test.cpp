// JSON Schema as grammars: documents that must and must not pass, random texts that must be valid,
// and what is refused with a pointer.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

#include "tarn/base/error.h"
#include "tarn/text/grammar/automaton.h"
#include "tarn/text/grammar/constraint.h"
#include "tests/text/schema_validator.h"

namespace tarn::text {
namespace {

using nlohmann::json;

struct Sample {
  std::string name;
  std::string schema;
  json line;
};

const std::vector<Sample>& samples() {
  static const std::vector<Sample> all = [] {
    std::vector<Sample> out;
    std::ifstream in(std::string(TARN_TEST_DATA) + "/grammar/schemas.jsonl");
    for (std::string line; std::getline(in, line);) {
      const auto ordered = nlohmann::ordered_json::parse(line);
      out.push_back({ordered["name"], ordered["schema"].dump(), json::parse(line)});
    }
    return out;
  }();
  return all;
}

TEST(GrammarSchema, AcceptsAndRefuses) {
  ASSERT_GE(samples().size(), 200U);
  for (const Sample& sample : samples()) {
    SCOPED_TRACE(fmt::format("{}: {}", sample.name, sample.schema));
    const json schema = sample.line["schema"];
    const SchemaValidator validator(schema);
    const Grammar grammar = Grammar::from_json_schema(sample.schema);
    for (const std::string text : sample.line["valid"]) {
      EXPECT_TRUE(grammar.matches(text)) << text;
      EXPECT_TRUE(validator.valid(json::parse(text))) << text;
    }
    for (const std::string text : sample.line["invalid"]) {
      EXPECT_FALSE(grammar.matches(text)) << text;
    }
    // Valid, but in a form that is not written: another order, say.
    for (const std::string text : sample.line["refused"]) {
      EXPECT_FALSE(grammar.matches(text)) << text;
      EXPECT_TRUE(validator.valid(json::parse(text))) << text;
    }
  }
}

// Bytes, an end token (0) and some pieces that cross borders of tokens of JSON.
std::shared_ptr<const GrammarVocabulary> words() {
  std::vector<std::optional<std::string>> tokens{std::nullopt};
  for (int byte = 0; byte < 256; ++byte)
    tokens.emplace_back(std::string(1, static_cast<char>(byte)));
  for (const char* piece : {"\"}",  "\",",  "\": ",  "\":",      "{\"",
                            "[[",   "]]",   "}}",    "}]",       "\"]",
                            "true", "null", "false", "ab",       "the",
                            "12",   "00",   "0.",    "-1",       "99",
                            "e1",   "\\n",  "\\u00", "\xC3\xA9", "\xF0\x9F\x98\x80",
                            ", ",   ",\"",  "\n  ",  "\\\"",     "1,",
                            "0]",   "\"a",  "x\"",   "2024-",    "http",
                            "://",  "a@b",  ".com"}) {
    tokens.emplace_back(piece);
  }
  return std::make_shared<const GrammarVocabulary>(std::move(tokens), std::vector<int32_t>{0});
}

// Any allowed token; past the budget, what closes soonest.
int32_t choose(const GrammarConstraint& at, std::span<const uint32_t> mask, bool closing,
               const std::string& text, std::mt19937& random) {
  const auto allowed = [&](size_t id) { return (mask[id / 32] >> (id % 32) & 1U) != 0; };
  if (closing) {
    if (at.may_end()) return 0;
    bool in_string = false;
    for (size_t i = 0; i < text.size(); ++i) {
      if (text[i] == '"') in_string = !in_string;
      if (text[i] == '\\') ++i;
    }
    const char* order = in_string ? "\"" : "}]nulltruefalse0123456789\"";
    for (const char c : std::string_view(order)) {
      const size_t id = 1 + static_cast<unsigned char>(c);
      if (allowed(id)) return static_cast<int32_t>(id);
    }
  }
  std::vector<int32_t> ids;
  if (closing) {  // few letters, so that what a pattern asks for comes up soon
    for (const char c : std::string_view("abcdexyz@.-:/0123456789")) {
      const size_t id = 1 + static_cast<unsigned char>(c);
      if (allowed(id)) ids.push_back(static_cast<int32_t>(id));
    }
    if (!ids.empty()) return ids[random() % ids.size()];
  }
  for (size_t id = 0; id < mask.size() * 32; ++id) {
    if (allowed(id)) ids.push_back(static_cast<int32_t>(id));
  }
  return ids[random() % ids.size()];
}

std::string generate(const TokenGrammar& tokens, size_t budget, std::mt19937& random) {
  GrammarConstraint at(tokens);
  std::string text;
  for (size_t step = 0; step < budget + 5000; ++step) {
    const int32_t id = choose(at, at.mask(), step >= budget, text, random);
    at.accept(id);
    if (id == 0) return text;
    text += *tokens.vocabulary().bytes(id);
  }
  ADD_FAILURE() << "never ends: " << text.substr(0, 500);
  return text;
}

TEST(GrammarSchema, RandomTextsAreValid) {
  const auto vocabulary = words();
  std::mt19937 random(1);
  for (const Sample& sample : samples()) {
    SCOPED_TRACE(fmt::format("{}: {}", sample.name, sample.schema));
    const json schema = sample.line["schema"];
    const SchemaValidator validator(schema);
    const TokenGrammar tokens(Grammar::from_json_schema(sample.schema), vocabulary);
    for (const size_t budget : {0, 3, 10, 30, 30, 100, 100, 300}) {
      const std::string text = generate(tokens, budget, random);
      ASSERT_TRUE(json::accept(text)) << text;
      EXPECT_TRUE(validator.valid(json::parse(text))) << text;
    }
  }
}

TEST(GrammarSchema, RandomJsonParses) {
  const auto vocabulary = words();
  std::mt19937 random(2);
  const TokenGrammar object(Grammar::json_object(), vocabulary);
  const TokenGrammar value(Grammar::json_value(), vocabulary);
  for (int i = 0; i < 100; ++i) {
    const std::string text = generate(object, 200, random);
    EXPECT_TRUE(json::parse(text).is_object()) << text;
    const std::string any = generate(value, 100, random);
    EXPECT_TRUE(json::accept(any)) << any;
  }
}

TEST(GrammarSchema, WhiteSpaceIsBounded) {
  const Grammar grammar = Grammar::json_object();
  EXPECT_TRUE(grammar.matches("{\n\n      \"a\": [\n 1\n]}"));
  EXPECT_FALSE(grammar.matches(fmt::format("{{{}}}", std::string(50, '\n'))));
  EXPECT_FALSE(grammar.matches(fmt::format("{{{}}}", std::string(100, ' '))));
  EXPECT_FALSE(grammar.matches(" {}"));
  EXPECT_FALSE(grammar.matches("{} "));
}

void expect_error(const std::string& schema, ErrorCode code, const std::string& message) {
  try {
    Grammar::from_json_schema(schema);
    ADD_FAILURE() << "accepted: " << schema.substr(0, 300);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    EXPECT_THAT(error.what(), testing::HasSubstr(message));
  }
}

TEST(GrammarSchemaErrors, NameKeywordAndPointer) {
  const auto no = ErrorCode::unsupported;
  const auto bad = ErrorCode::invalid_argument;
  expect_error(R"({"properties":{"a":{"uniqueItems":true}}})", no, "/properties/a/uniqueItems");
  for (const char* keyword : {"if", "contains", "dependentRequired", "dependentSchemas",
                              "unevaluatedProperties", "$dynamicRef", "minContains", "nullable"}) {
    expect_error(fmt::format(R"({{"items":{{"{}":{{}}}}}})", keyword), no,
                 fmt::format("/items/{}", keyword));
  }
  expect_error(R"({"not":{"minimum":3}})", no, "/not");
  expect_error(R"({"format":"color"})", no, "/format: the format \"color\"");
  expect_error(R"g({"items":{"pattern":"(?=a)"}})g", no,
               "/items/pattern: pattern: column 1: look-");
  expect_error(R"g({"pattern":"("})g", bad, "/pattern");
  expect_error(R"g({"patternProperties":{"(?!a)":{}}})g", no, "look-around");
  expect_error(R"({"oneOf":[{"type":"integer"},{"type":"number"}]})", no, "/oneOf: alternatives 0");
  expect_error(R"({"oneOf":[{"properties":{"t":{"const":1}}},{"properties":{"t":{"const":2}}}]})",
               no, "/oneOf");
  expect_error(R"({"type":"integer","multipleOf":1000000})", no, "multipleOf");
  expect_error(R"({"exclusiveMinimum":true,"minimum":1})", no, "/exclusiveMinimum");
  expect_error(R"({"type":"object","minProperties":3})", no, "/minProperties");
  expect_error(R"({"minLength":100000000})", no, "/minLength");
  expect_error(R"({"$ref":"http://example.com/s"})", no, "/$ref");
  expect_error(R"({"$ref":"#foo"})", no, "/$ref");
  expect_error(R"({"$ref":"#/$defs/x"})", bad, "points to nothing");
  expect_error(R"({"type":"text"})", bad, "/type");
  expect_error(R"({"minimum":"1"})", bad, "/minimum");
  expect_error(R"({"required":"a"})", bad, "/required");
  expect_error(R"({"properties":{"a/b":{"enum":1}}})", bad, "/properties/a~1b/enum");
  expect_error(R"({"properties":[]})", bad, "/properties");
  expect_error(R"({"anyOf":{}})", bad, "/anyOf");
  expect_error(R"({"items":3})", bad, "/items");
}

TEST(GrammarSchemaErrors, NothingIsValid) {
  for (const char* schema :
       {"false", R"({"enum":[]})", R"({"type":"integer","minimum":2,"maximum":1})",
        R"({"allOf":[{"type":"string"},{"type":"null"}]})",
        R"({"type":"string","minLength":2,"maxLength":1})",
        R"({"type":"object","properties":{"a":{"$ref":"#"}},"required":["a"]})",
        R"({"type":"string","allOf":[{"pattern":"^a"},{"pattern":"^b"}]})",
        R"({"type":"object","required":["a"],"properties":{"a":false}})"}) {
    expect_error(schema, ErrorCode::invalid_argument, "no text matches");
  }
}

TEST(GrammarSchemaHostile, CyclesEnd) {
  const auto bad = ErrorCode::invalid_argument;
  expect_error(R"({"$ref":"#"})", bad, "refers to itself");
  expect_error(
      R"({"$defs":{"a":{"$ref":"#/$defs/b"},"b":{"$ref":"#/$defs/a"}},"$ref":"#/$defs/a"})", bad,
      "refers to itself");
  expect_error(R"({"anyOf":[{"$ref":"#"},{"type":"null"}]})", bad, "refers to itself");
  expect_error(R"({"allOf":[{"$ref":"#"}]})", bad, "refers to itself");
}

TEST(GrammarSchemaHostile, SizesAreBounded) {
  const auto no = ErrorCode::unsupported;
  std::string deep;
  for (int i = 0; i < 3000; ++i) deep += R"({"items":)";
  EXPECT_THROW(Grammar::from_json_schema(deep + "{}" + std::string(3000, '}')), Error);
  // 2^20 combinations of alternatives.
  std::string product = R"({"allOf":[{})";
  for (int i = 0; i < 20; ++i) product += R"(,{"anyOf":[{"minLength":1},{"maxLength":9}]})";
  expect_error(product + "]}", no, "combinations");
  // References that double.
  std::string doubling = R"({"$ref":"#/$defs/d0","$defs":{)";
  for (int i = 0; i < 40; ++i) {
    doubling += fmt::format(
        R"("d{}":{{"type":"object","properties":{{"a":{{"$ref":"#/$defs/d{}"}},"b":{{"$ref":"#/$defs/d{}"}}}}}},)",
        i, i + 1, i + 1);
  }
  EXPECT_LT(
      Grammar::from_json_schema(doubling + R"("d40":{"type":"null"}}})").automaton().table_states(),
      20000U);
  EXPECT_NO_THROW(Grammar::from_json_schema(
      R"({"type":"array","minItems":100000,"items":{"type":"array","minItems":100000}})"));
  expect_error(R"({"type":"object","maxProperties":999999})", no, "maxProperties");
  EXPECT_THROW(Grammar::from_json_schema("{\"enum\":[\"\xFF\"]}"), Error);
  EXPECT_THROW(Grammar::from_json_schema("{\"enum\":["), Error);
  EXPECT_THROW(Grammar::from_json_schema(""), Error);
}

}  // namespace
}  // namespace tarn::text
