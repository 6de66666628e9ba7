// Masks against brute force, forks, ends, and what tokens are as bytes.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "tarn/base/error.h"
#include "tarn/text/grammar/constraint.h"
#include "tarn/text/unicode.h"

namespace tarn::text {
namespace {

using Tokens = std::vector<std::optional<std::string>>;

constexpr int32_t kEnd = 0;

// An end token, every byte, and `more`.
std::shared_ptr<const GrammarVocabulary> vocabulary(const std::vector<std::string>& more) {
  Tokens tokens{std::nullopt};
  for (int byte = 0; byte < 256; ++byte)
    tokens.emplace_back(std::string(1, static_cast<char>(byte)));
  for (const std::string& token : more) tokens.emplace_back(token);
  return std::make_shared<const GrammarVocabulary>(std::move(tokens), std::vector<int32_t>{kEnd});
}

bool allowed(std::span<const uint32_t> mask, int32_t id) {
  return (mask[static_cast<size_t>(id) / 32] >> (id % 32) & 1U) != 0;
}

std::vector<int32_t> ids_of(std::span<const uint32_t> mask) {
  std::vector<int32_t> out;
  for (int32_t id = 0; id < static_cast<int32_t>(mask.size() * 32); ++id) {
    if (allowed(mask, id)) out.push_back(id);
  }
  return out;
}

// Each token is allowed exactly when its bytes are.
void expect_exact(GrammarConstraint& at) {
  const std::vector<int32_t> ids = ids_of(at.mask());
  ASSERT_FALSE(ids.empty());
  std::vector<int32_t> expected;
  for (int32_t id = 0; id < static_cast<int32_t>(at.mask().size() * 32); ++id) {
    if (at.allows(id)) expected.push_back(id);
  }
  EXPECT_EQ(ids, expected);
}

const std::vector<std::string> kPieces = {
    "ab",    "abc",    "ba",       "aa",       "aaa",    "aaaa",   "\"",    "\":",  "\": ",
    "\",",   "\",\"",  "\"}",      "\"}]",     "}}",     "}]",     "]]",    "[[",   "{\"",
    "[\"",   "\": \"", "true",     "tru",      "false,", "null",   "null}", "12",   "123",
    "-1",    "0.",     ".5",       "e+",       "\\n",    "\\u00",  "\\",    "\\\"", "\xC3\xA9",
    "\xC3",  "\xA9\"", "\xF0\x9F", "\x98\x80", "\n",     "\n  ",   "  ",    " ",    ", ",
    ",",     "a\"",    "a\": [",   "(",        ")",      "((",     "))",    "()",   "x,y",
    "a\":1", "0,",     "0]",       "00",       "a}",     "b\",\"a"};

const char* kGrammars[] = {
    R"g(root ::= "a"{2,5} | "ab"*)g",
    R"g(root ::= "(" root ")" | "()" | "x" ("," [a-z])*)g",
    R"g(root ::= [ab]{3,4} ("," root)?)g",
    R"g(root ::= s "," s
       s ::= "\"" ([^"\\] | "\\" ["\\n])* "\"")g",
    R"g(root ::= x root y | "a"
       x ::= "a" | "ab" | "(" x ")"
       y ::= "b"? "a" | "aa")g",
    R"g(root ::= ("a"{1,5000} "b"){4,6000} "!")g",
    R"g(root ::= ([^"]{3,8000} "\"")*)g",
    R"g(root ::= ("" | "a" | "aa" ("" | "b"))* | "" root2
       root2 ::= "" | "(" root2 ")" root2)g",
};

TEST(GrammarMask, EqualsBruteForce) {
  const auto words = vocabulary(kPieces);
  std::mt19937 random(7);
  std::vector<Grammar> grammars{Grammar::json_object(), Grammar::json_value()};
  for (const char* text : kGrammars) grammars.push_back(Grammar::from_gbnf(text));
  for (const Grammar& grammar : grammars) {
    const TokenGrammar tokens(grammar, words);
    for (int run = 0; run < 6; ++run) {
      GrammarConstraint at(tokens);
      for (int step = 0; step < 60 && !at.finished(); ++step) {
        expect_exact(at);
        const std::vector<int32_t> ids = ids_of(at.mask());
        at.accept(ids[random() % ids.size()]);
      }
    }
  }
}

// Rules from a seed: small, ambiguous, with empty alternatives.
std::string random_grammar(std::mt19937& random) {
  const auto pick = [&](size_t n) { return random() % n; };
  std::string out;
  for (int rule = 0; rule < 4; ++rule) {
    out += rule == 0 ? std::string("root") : fmt::format("r{}", rule);
    out += " ::= ";
    const size_t alternatives = 1 + pick(3);
    for (size_t i = 0; i < alternatives; ++i) {
      if (i > 0) out += " | ";
      const size_t parts = pick(4);
      for (size_t part = 0; part < parts; ++part) {
        switch (pick(part == 0 ? 3 : 5)) {
          case 0:
            out +=
                fmt::format("\"{}\" ", std::string(1 + pick(2), static_cast<char>('a' + pick(2))));
            break;
          case 1:
            out += "[a-c(] ";
            break;
          case 2:
            out += fmt::format("(\"ab\" | \"b\"){} ", pick(2) == 0 ? "{0,3}" : "+");
            break;
          default:
            out += fmt::format("r{}{} ", 1 + pick(3), pick(3) == 0 ? "?" : "");
        }
      }
      if (parts == 0) out += "\"\"";
    }
    out += "\n";
  }
  return out;
}

TEST(GrammarMask, EqualsBruteForceOnRandomGrammars) {
  const auto words = vocabulary(kPieces);
  std::mt19937 random(11);
  int compiled = 0;
  for (int i = 0; i < 400; ++i) {
    const std::string text = random_grammar(random);
    SCOPED_TRACE(text);
    std::optional<TokenGrammar> tokens;
    try {
      tokens.emplace(Grammar::from_gbnf(text), words);
    } catch (const Error&) {
      continue;  // left-recursive, or without a text
    }
    ++compiled;
    GrammarConstraint at(*tokens);
    for (int step = 0; step < 25 && !at.finished(); ++step) {
      expect_exact(at);
      const std::vector<int32_t> ids = ids_of(at.mask());
      at.accept(ids[random() % ids.size()]);
    }
  }
  EXPECT_GT(compiled, 150);
}

TEST(GrammarMask, EndsExactlyWhereTheTextMay) {
  const TokenGrammar tokens(Grammar::from_gbnf(R"g(root ::= "a"{2,3})g"), vocabulary({"aa"}));
  GrammarConstraint at(tokens);
  EXPECT_FALSE(at.may_end());
  EXPECT_FALSE(allowed(at.mask(), kEnd));
  EXPECT_THROW(at.accept(kEnd), Error);
  at.accept(257);  // aa
  EXPECT_TRUE(at.may_end());
  EXPECT_FALSE(at.complete());
  EXPECT_THAT(ids_of(at.mask()), testing::ElementsAre(kEnd, 1 + 'a'));
  EXPECT_THROW(at.accept(257), Error);
  EXPECT_THROW(at.accept(-1), Error);
  EXPECT_THROW(at.accept(100000), Error);
  at.accept(1 + 'a');
  EXPECT_TRUE(at.complete());
  EXPECT_THAT(ids_of(at.mask()), testing::ElementsAre(kEnd));
  at.accept(kEnd);
  EXPECT_TRUE(at.finished());
  EXPECT_THAT(ids_of(at.mask()), testing::ElementsAre(kEnd));
  EXPECT_THROW(at.accept(1 + 'a'), Error);
}

TEST(GrammarMask, ForksGoTheirOwnWays) {
  const TokenGrammar tokens(Grammar::json_value(), vocabulary(kPieces));
  GrammarConstraint first(tokens);
  ASSERT_TRUE(first.accept_bytes("[[1,"));
  GrammarConstraint second = first;
  ASSERT_TRUE(first.accept_bytes(" true]"));
  ASSERT_TRUE(second.accept_bytes("{\"a\":"));
  EXPECT_FALSE(first.accept_bytes(":"));
  EXPECT_FALSE(second.accept_bytes("]"));
  expect_exact(first);
  expect_exact(second);
  ASSERT_TRUE(first.accept_bytes("]"));
  EXPECT_TRUE(first.complete());
  EXPECT_FALSE(second.may_end());
  ASSERT_TRUE(second.accept_bytes("0}]]"));
  EXPECT_TRUE(second.complete());
}

TEST(GrammarMask, RefusedBytesChangeNothing) {
  GrammarConstraint at(TokenGrammar(Grammar::json_value(), vocabulary({})));
  ASSERT_TRUE(at.accept_bytes("{\"a"));
  EXPECT_FALSE(at.accept_bytes("b\": 1]"));
  EXPECT_TRUE(at.accept_bytes("b\": 1}"));
  EXPECT_TRUE(at.complete());
}

TEST(GrammarMask, ForcedBytes) {
  const TokenGrammar tokens(
      Grammar::from_gbnf(R"g(root ::= "{\"name\": " ("true" | "false") "}" | "{\"name\": null")g"),
      vocabulary({}));
  GrammarConstraint at(tokens);
  EXPECT_EQ(at.forced_bytes(), "{\"name\": ");
  EXPECT_EQ(at.forced_bytes(3), "{\"n");
  ASSERT_TRUE(at.accept_bytes(at.forced_bytes()));
  EXPECT_EQ(at.forced_bytes(), "");
  ASSERT_TRUE(at.accept_bytes("t"));
  EXPECT_EQ(at.forced_bytes(), "rue}");
}

TEST(GrammarMask, SaysWhichBytesAreMissing) {
  const auto words = std::make_shared<const GrammarVocabulary>(Tokens{std::nullopt, "a", "ab"},
                                                               std::vector<int32_t>{0});
  GrammarConstraint at(TokenGrammar(Grammar::from_gbnf(R"g(root ::= "a" [ ;])g"), words));
  at.accept(1);
  try {
    at.mask();
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("0x20, 0x3B ';'"));
  }
  EXPECT_THROW(GrammarVocabulary(Tokens{"a"}, std::vector<int32_t>{1}), Error);
}

TEST(GrammarMask, CacheIsBounded) {
  const TokenGrammar small(Grammar::json_value(), vocabulary(kPieces), 1500);
  const TokenGrammar large(Grammar::json_value(), vocabulary(kPieces));
  GrammarConstraint a(small);
  GrammarConstraint b(large);
  for (const char c :
       std::string("{\"a\": [1.5e3, true, null, \"x\\n\"], \"b\": {\"c\": false}}")) {
    EXPECT_EQ(ids_of(a.mask()), ids_of(b.mask()));
    ASSERT_TRUE(a.accept_bytes({&c, 1}));
    ASSERT_TRUE(b.accept_bytes({&c, 1}));
    EXPECT_LE(small.cached_bytes(), 3000U);
  }
  EXPECT_GT(large.cached_masks(), small.cached_masks());
}

TEST(GrammarMask, SharedBetweenThreads) {
  const TokenGrammar tokens(Grammar::json_value(), vocabulary(kPieces), 20000);
  std::vector<std::thread> threads;
  std::vector<std::vector<int32_t>> ids(4);
  for (size_t i = 0; i < ids.size(); ++i) {
    threads.emplace_back([&, i] {
      GrammarConstraint at(tokens);
      std::mt19937 random(3);
      for (int step = 0; step < 300 && !at.finished(); ++step) {
        const std::vector<int32_t> choices = ids_of(at.mask());
        ids[i].push_back(choices[random() % choices.size()]);
        at.accept(ids[i].back());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (size_t i = 1; i < ids.size(); ++i) EXPECT_EQ(ids[i], ids[0]);
}

TEST(GrammarMask, AmbiguityEndsInAnErrorNotInAHang) {
  // Each byte may be counted by either of two counters within each other.
  // It is refused when it is compiled, or later.
  try {
    const TokenGrammar tokens(
        Grammar::from_gbnf(R"g(root ::= (("a"{0,3000} "a"?){0,3000} "a"?){0,3000} "b")g"),
        vocabulary({"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}));
    GrammarConstraint at(tokens);
    ASSERT_TRUE(at.accept_bytes(std::string(40, 'a')));
    at.mask();
    ASSERT_TRUE(at.accept_bytes(std::string(4000, 'a')));
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::unsupported);
  }
}

class TokenBytes : public testing::TestWithParam<std::string> {};

// What tokens add, joined, is the text that the tokenizer decodes.
TEST_P(TokenBytes, JoinToDecodedText) {
  const auto tokenizer =
      Tokenizer::from_file(std::filesystem::path(TARN_TEST_DATA) / "tokenizers" / GetParam());
  EXPECT_EQ(tokenizer.token_bytes(-1), std::nullopt);
  EXPECT_EQ(tokenizer.token_bytes(tokenizer.id_limit()), std::nullopt);
  std::mt19937 random(5);
  for (int run = 0; run < 300; ++run) {
    std::vector<int32_t> ids{*tokenizer.token_to_id("a")};
    std::string bytes = "a";
    for (int i = 0; i < 12; ++i) {
      const auto id = static_cast<int32_t>(random() % static_cast<uint32_t>(tokenizer.id_limit()));
      const auto token = tokenizer.token_bytes(id);
      if (!token) continue;
      ids.push_back(id);
      bytes += *token;
    }
    StreamDecoder stream(tokenizer, false);
    std::string streamed;
    for (const int32_t id : ids) streamed += stream.push(id);
    streamed += stream.flush();
    if (find_invalid_utf8(bytes) == std::string_view::npos) {
      EXPECT_EQ(streamed, bytes);
    } else {
      std::string repaired;
      Utf8Repair repair;
      repair.push(bytes, repaired);
      repair.finish(repaired);
      // Decoders differ in how many marks a broken character becomes.
      const auto squeezed = [](std::string text) {
        for (size_t at = 0; (at = text.find(kReplacement)) != std::string::npos;) text.erase(at, 3);
        return text;
      };
      if (GetParam() != "sp_bpe" && GetParam() != "sp_bpe_gemma" && GetParam() != "unigram") {
        EXPECT_EQ(squeezed(streamed), squeezed(repaired));
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, TokenBytes,
                         testing::Values("deepseek_llm", "deepseek_v3", "gpt2", "llama3", "o200k",
                                         "qwen2", "qwen3_5", "sp_bpe", "sp_bpe_gemma", "unigram",
                                         "wordpiece"),
                         [](const auto& one) { return one.param; });

// With a real vocabulary: what encodes a document is allowed, token by token, to the end.
TEST(GrammarVocabulary, FollowsEncodedDocuments) {
  const std::string document =
      "{\"name\": \"Zo\xC3\xAB \xF0\x9F\x98\x80\", \"tags\": [\"a b\", \"\\u00e9\\n\"],\n  \"n\": "
      "-12.5e3, "
      "\"nested\": {\"ok\": true, \"none\": null}}";
  for (const char* name : {"qwen2", "llama3", "gpt2", "o200k", "deepseek_v3", "sp_bpe_gemma"}) {
    const auto tokenizer =
        Tokenizer::from_file(std::filesystem::path(TARN_TEST_DATA) / "tokenizers" / name);
    const int32_t end = tokenizer.id_limit() - 1;
    const auto words = std::make_shared<const GrammarVocabulary>(
        tokenizer, std::vector<int32_t>{end}, tokenizer.id_limit() + 40);
    GrammarConstraint at(TokenGrammar(Grammar::json_object(), words));
    for (const int32_t id : tokenizer.encode(document, false).ids) {
      ASSERT_TRUE(allowed(at.mask(), id)) << name << " " << *tokenizer.id_to_token(id);
      expect_exact(at);
      at.accept(id);
    }
    EXPECT_TRUE(at.complete()) << name;
  }
}

}  // namespace
}  // namespace tarn::text
