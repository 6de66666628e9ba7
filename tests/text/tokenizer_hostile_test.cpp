// Files that are broken, or made to break whoever reads them: an error that says why, never a
// crash.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>

#include "tarn/base/error.h"
#include "tarn/text/tokenizer.h"

namespace tarn::text {
namespace {

using nlohmann::json;
using testing::HasSubstr;

json small_file() {
  return json::parse(R"({"version": "1.0", "truncation": null, "padding": null,
    "added_tokens": [{"id": 5, "content": "<s>", "single_word": false, "lstrip": false,
                      "rstrip": false, "normalized": false, "special": true}],
    "normalizer": null, "pre_tokenizer": null, "post_processor": null, "decoder": null,
    "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2, "c": 3, "<unk>": 4},
              "merges": [["a", "b"]], "unk_token": "<unk>"}})");
}

// The error that loading `text` gives, or "loads".
std::string error_of(const std::string& text) {
  try {
    Tokenizer::from_json(text, "file");
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), testing::StartsWith("file: "));
    return error.what();
  }
  return "loads";
}
std::string error_of(const json& file) { return error_of(file.dump()); }
// The same with `patch` merged into the small file.
std::string error_with(const char* patch) {
  json file = small_file();
  file.merge_patch(json::parse(patch));
  return error_of(file);
}
// The same with one part replaced.
std::string error_with_part(const char* part, const char* value) {
  json file = small_file();
  file[part] = json::parse(value);
  return error_of(file);
}

TEST(TokenizerHostile, TheSmallFileLoads) {
  EXPECT_EQ(error_of(small_file()), "loads");
  const auto tokenizer = Tokenizer::from_json(small_file().dump(), "file");
  EXPECT_EQ(tokenizer.encode("abc<s>x").ids, (std::vector<int32_t>{2, 3, 5, 4}));
  EXPECT_EQ(tokenizer.vocab_size(), 6);
}

TEST(TokenizerHostile, EveryTruncationIsAnError) {
  const std::string text = small_file().dump();
  for (size_t size = 0; size < text.size(); ++size) {
    EXPECT_NE(error_of(text.substr(0, size)), "loads") << size;
  }
}

TEST(TokenizerHostile, EveryByteChangedIsAnErrorOrLoads) {
  const std::string text = small_file().dump();
  for (size_t i = 0; i < text.size(); ++i) {
    for (const char c : {'\0', '"', '9', '-', '[', '}', '\xFF'}) {
      std::string changed = text;
      changed[i] = c;
      error_of(changed);
    }
  }
}

TEST(TokenizerHostile, NotATokenizer) {
  EXPECT_THAT(error_of(std::string("[]")), HasSubstr("expected a JSON object"));
  EXPECT_THAT(error_of(std::string("{}")), HasSubstr("\"model\" is missing"));
  EXPECT_THAT(error_of(std::string("{\"model\": 1}")), HasSubstr("\"model\" is missing"));
  EXPECT_THAT(error_of(std::string("{\"model\": {}}")), HasSubstr("\"vocab\""));
}

TEST(TokenizerHostile, DeepNesting) {
  std::string deep = "{\"normalizer\": ";
  for (int i = 0; i < 100000; ++i) deep += "[";
  EXPECT_THAT(error_of(deep), HasSubstr("nested deeper"));
  std::string sequence = R"({"model": {"type": "BPE", "vocab": {}, "merges": []}, "normalizer": )";
  for (int i = 0; i < 1000; ++i) sequence += R"({"type": "Sequence", "normalizers": [)";
  EXPECT_THAT(error_of(sequence), HasSubstr("nested deeper"));
}

TEST(TokenizerHostile, RepeatedKeys) {
  EXPECT_THAT(error_of(std::string(R"({"model": {}, "model": {}})")), HasSubstr("twice"));
  EXPECT_THAT(error_of(std::string(R"({"model": {"vocab": {"a": 0}, "vocab": {"a": 0}}})")),
              HasSubstr("twice"));
  EXPECT_THAT(error_of(std::string(
                  R"({"model": {"type": "BPE", "vocab": {"a": 0, "a": 1}, "merges": []}})")),
              HasSubstr("token \"a\" appears twice"));
}

TEST(TokenizerHostile, Ids) {
  EXPECT_THAT(error_with(R"({"model": {"vocab": {"z": 4294967296}}})"), HasSubstr("4294967296"));
  EXPECT_THAT(error_with(R"({"model": {"vocab": {"z": 2147483647}}})"), HasSubstr("2147483647"));
  EXPECT_THAT(error_with(R"({"model": {"vocab": {"z": 99999999999999999999999}}})"),
              HasSubstr("whole number"));
  EXPECT_THAT(error_with(R"({"model": {"vocab": {"z": -1}}})"), HasSubstr("-1"));
  EXPECT_THAT(error_with(R"({"model": {"vocab": {"z": 1.5}}})"), HasSubstr("1.5"));
  EXPECT_THAT(error_with(R"({"model": {"vocab": {"z": "1"}}})"), HasSubstr("whole number"));
  EXPECT_THAT(error_with(R"({"model": {"vocab": {"z": [1]}}})"), HasSubstr("vocab"));
  EXPECT_THAT(error_with(R"({"model": {"vocab": {"z": 2}}})"), HasSubstr("share the id 2"));
  EXPECT_THAT(error_with_part("added_tokens", R"([{"id": 4294967296, "content": "x"}])"),
              HasSubstr("\"id\" must be a whole number"));
  EXPECT_THAT(error_with_part("added_tokens", R"([{"id": -5, "content": "x"}])"), HasSubstr("-5"));
  EXPECT_THAT(error_with_part("added_tokens", R"([{"id": 5}])"), HasSubstr("\"content\""));
  EXPECT_THAT(error_with_part("added_tokens", R"({"id": 5})"), HasSubstr("must be a list"));
  EXPECT_THAT(error_with_part("added_tokens", "[7]"), HasSubstr("expected an object"));
}

TEST(TokenizerHostile, HolesInTheVocabulary) {
  json file = small_file();
  file["model"]["vocab"]["z"] = 2147483646;
  const auto tokenizer = Tokenizer::from_json(file.dump(), "file");
  EXPECT_EQ(tokenizer.encode("z").ids, (std::vector<int32_t>{2147483646}));
  EXPECT_EQ(tokenizer.id_to_token(2147483646), "z");
  EXPECT_EQ(tokenizer.id_to_token(1000), std::nullopt);
  EXPECT_EQ(tokenizer.id_to_token(-1), std::nullopt);
  EXPECT_EQ(tokenizer.id_limit(), 2147483647);
  EXPECT_EQ(tokenizer.decode(std::vector<int32_t>{0, 1000, -7, INT32_MAX, INT32_MIN}), "a");
}

TEST(TokenizerHostile, Merges) {
  EXPECT_THAT(error_with(R"({"model": {"merges": [["a", "q"]]}})"), HasSubstr("names \"q\""));
  EXPECT_THAT(error_with(R"({"model": {"merges": [["b", "a"]]}})"), HasSubstr("names \"ba\""));
  EXPECT_THAT(error_with(R"({"model": {"merges": ["a b c"]}})"), HasSubstr("separated by a space"));
  EXPECT_THAT(error_with(R"({"model": {"merges": ["ab"]}})"), HasSubstr("separated by a space"));
  EXPECT_THAT(error_with(R"({"model": {"merges": [["a"]]}})"), HasSubstr("pair"));
  EXPECT_THAT(error_with(R"({"model": {"merges": [["a", "b", "c"]]}})"), HasSubstr("pair"));
  EXPECT_THAT(error_with(R"({"model": {"merges": [[["a"], "b"]]}})"), HasSubstr("merges"));
  EXPECT_THAT(error_with(R"({"model": {"merges": [3]}})"), HasSubstr("merges"));
  EXPECT_THAT(error_with(R"({"model": {"merges": {"a": "b"}}})"), HasSubstr("merges"));
  EXPECT_THAT(error_with(R"({"model": {"continuing_subword_prefix": "####"}})"),
              HasSubstr("shorter than the prefix"));
}

TEST(TokenizerHostile, Models) {
  EXPECT_THAT(error_with(R"({"model": {"type": "Magic"}})"), HasSubstr("unknown model \"Magic\""));
  EXPECT_THAT(error_with(R"({"model": {"type": 3}})"), HasSubstr("\"type\" must be a string"));
  EXPECT_THAT(error_with(R"({"model": {"type": "Unigram"}})"), HasSubstr("\"vocab\""));
  EXPECT_THAT(error_with(R"({"model": {"vocab": [["a", 0]]}})"), HasSubstr("\"vocab\""));
  EXPECT_THAT(error_with(R"({"model": {"dropout": 7}})"), HasSubstr("dropout"));
  EXPECT_THAT(error_with(R"({"model": {"fuse_unk": "yes"}})"), HasSubstr("true or false"));
  for (const char* vocab : {R"([["a"]])", R"([["a", 0, 1]])", R"([["a", "b"]])", R"(["a"])",
                            R"([[0, "a"]])", R"([{"a": 0}])", R"([[["a"], 0]])"}) {
    EXPECT_THAT(error_of(std::string(R"({"model": {"type": "Unigram", "vocab": )") + vocab + "}}"),
                HasSubstr("vocab"));
  }
  EXPECT_THAT(
      error_of(std::string(R"({"model": {"type": "Unigram", "unk_id": 1, "vocab": [["a", 0]]}})")),
      HasSubstr("unk_id"));
}

TEST(TokenizerHostile, UnknownTokenMissing) {
  json file = small_file();
  file["model"]["unk_token"] = "nowhere";
  const auto tokenizer = Tokenizer::from_json(file.dump(), "file");
  EXPECT_EQ(tokenizer.encode("ab").ids, (std::vector<int32_t>{2}));
  EXPECT_THROW(tokenizer.encode("?"), Error);
}

TEST(TokenizerHostile, Parts) {
  for (const char* part : {"normalizer", "pre_tokenizer", "post_processor", "decoder"}) {
    EXPECT_THAT(error_with_part(part, "3"), HasSubstr(part));
    EXPECT_THAT(error_with_part(part, "[]"), HasSubstr("expected an object"));
    EXPECT_THAT(error_with_part(part, "{}"), HasSubstr("\"type\" is missing"));
    EXPECT_THAT(error_with_part(part, R"({"type": "Nope"})"), HasSubstr("unknown"));
    EXPECT_THAT(error_with_part(part, R"({"type": "Sequence"})"), HasSubstr("is missing"));
  }
  EXPECT_THAT(error_with_part("pre_tokenizer", R"({"type": "FixedLength", "length": 0})"),
              HasSubstr("at least 1"));
  EXPECT_THAT(
      error_with_part("pre_tokenizer", R"({"type": "CharDelimiterSplit", "delimiter": ""})"),
      HasSubstr("one character"));
  EXPECT_THAT(error_with_part("pre_tokenizer", R"({"type": "Metaspace", "replacement": "__"})"),
              HasSubstr("one character"));
  EXPECT_THAT(error_with_part("post_processor", R"({"type": "BertProcessing", "sep": ["a"],
                              "cls": ["b", 1]})"),
              HasSubstr("[token, id]"));
  EXPECT_THAT(error_with_part("post_processor", R"({"type": "TemplateProcessing", "pair": [],
                  "single": [{"SpecialToken": {"id": "x", "type_id": 0}}], "special_tokens": {}})"),
              HasSubstr("\"special_tokens\" lacks"));
}

TEST(TokenizerHostile, TemplatesThatDropAText) {
  json file = small_file();
  file["post_processor"] = json::parse(R"({"type": "TemplateProcessing", "special_tokens": {},
      "single": [{"Sequence": {"id": "A", "type_id": 0}}],
      "pair": [{"Sequence": {"id": "A", "type_id": 0}}]})");
  const auto tokenizer = Tokenizer::from_json(file.dump(), "file");
  EXPECT_EQ(tokenizer.encode("ab").ids, (std::vector<int32_t>{2}));
  EXPECT_THROW(tokenizer.encode_pair("a", "b"), Error);
}

std::string split_with(const std::string& regex) {
  return json{{"type", "Split"},
              {"pattern", {{"Regex", regex}}},
              {"behavior", "Isolated"},
              {"invert", false}}
      .dump();
}

TEST(TokenizerHostile, RegularExpressions) {
  for (const char* bad : {"(",           ")",
                          "[a",          "a\\",
                          "(?<n>a",      "\\p{Nope}",
                          "\\p{",        "(?",
                          "[[:alpha:]",  "a{2,1}",
                          "*a",          "(?<=a+)b",
                          "\\x{110000}", "\\x{d800}",
                          "\\k<nope>",   "(?#",
                          "(*UTF)a",     "(*LIMIT_MATCH=1)a",
                          "(?~a)",       "\\C",
                          "(?R)",        "[[[[[[[[[[[[[[[[[[[[a]]]]]]]]]]]]]]]]]]]]",
                          "[b-a]"}) {
    EXPECT_THAT(error_with_part("pre_tokenizer", split_with(bad).c_str()),
                HasSubstr("regular expression"))
        << bad;
  }
  std::string deep;
  for (int i = 0; i < 5000; ++i) deep += "(?:";
  EXPECT_THAT(error_with_part("pre_tokenizer", split_with(deep).c_str()), HasSubstr("expression"));
}

TEST(TokenizerHostile, CatastrophicRegularExpressionGivesUp) {
  json file = small_file();
  file["pre_tokenizer"] = json::parse(split_with("(?:a+)+$|(?:a|aa)+\\z|(?:a|b|ab)*c\\z"));
  const auto tokenizer = Tokenizer::from_json(file.dump(), "file");
  const auto start = std::chrono::steady_clock::now();
  EXPECT_THROW(tokenizer.encode(std::string(5000, 'a') + "!"), Error);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(60));
}

TEST(TokenizerHostile, NormalizersThatGrowTheText) {
  json file = small_file();
  json& list = file["normalizer"]["normalizers"];
  file["normalizer"]["type"] = "Sequence";
  for (int i = 0; i < 20; ++i) {
    list.push_back(
        {{"type", "Replace"}, {"pattern", {{"String", "a"}}}, {"content", std::string(100, 'a')}});
  }
  const auto tokenizer = Tokenizer::from_json(file.dump(), "file");
  EXPECT_THROW(tokenizer.encode("a"), Error);
}

std::string charsmap(const std::string& base64) {
  return json{{"type", "Precompiled"}, {"precompiled_charsmap", base64}}.dump();
}

TEST(TokenizerHostile, Charsmaps) {
  for (const char* bad : {"", "A", "AAA", "????", "AAAA",
                          "AAAAAA==", "/////w==", "BAAAAA==", "AwAAAAAAAAA=", "BAAAAAAAAAD/"}) {
    EXPECT_THAT(error_with_part("normalizer", charsmap(bad).c_str()), HasSubstr("Precompiled"))
        << bad;
  }
  // Tries of a few units whose every bit is set, or whose offsets point far outside.
  for (const char* wild : {"BAAAAP////8=", "CAAAAAD8//8A/P//", "CAAAAP8DAACA////"}) {
    json file = small_file();
    file["normalizer"] = json::parse(charsmap(wild));
    const auto tokenizer = Tokenizer::from_json(file.dump(), "file");
    EXPECT_EQ(tokenizer.encode("ab").ids, (std::vector<int32_t>{2}));
    for (int c = 1; c < 0x80; ++c) tokenizer.encode(std::string(3, static_cast<char>(c)));
  }
}

TEST(TokenizerHostile, TextThatIsNotUtf8) {
  const auto tokenizer = Tokenizer::from_json(small_file().dump(), "file");
  for (const char* bad : {"\xFF", "a\x80", "\xC3", "\xC0\xAF", "\xED\xA0\x80", "\xF4\x90\x80\x80",
                          "\xE2\x82", "\xF0\x82\x82\xAC"}) {
    try {
      tokenizer.encode(bad);
      ADD_FAILURE() << "accepted";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::invalid_argument);
      EXPECT_THAT(error.what(), HasSubstr("not valid UTF-8"));
    }
  }
}

// Files of the test data with bytes overwritten here and there.
TEST(TokenizerHostile, DamagedFiles) {
  const auto root = std::filesystem::path(TARN_TEST_DATA) / "tokenizers";
  uint32_t random = 1;
  const auto next = [&] { return random = random * 1664525 + 1013904223; };
  for (const char* kind : {"llama3", "unigram", "wordpiece", "sp_bpe"}) {
    std::ifstream in(root / kind / "tokenizer.json");
    const std::string text(std::istreambuf_iterator<char>(in), {});
    ASSERT_FALSE(text.empty());
    for (int i = 0; i < 40; ++i) {
      std::string damaged = text;
      for (int k = 0; k < 3; ++k) damaged[(next() >> 4) % 4000] = static_cast<char>(next() >> 24);
      try {
        Tokenizer::from_json(damaged, "file").encode("Hello, world <s> 12");
      } catch (const Error&) {
      }
    }
  }
}

}  // namespace
}  // namespace tarn::text
