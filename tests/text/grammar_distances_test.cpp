// How far texts are from their end, against brute force, and answers that must end under a limit.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "tarn/base/error.h"
#include "tarn/text/grammar/constraint.h"
#include "tarn/text/grammar/distances.h"
#include "tests/text/schema_validator.h"

namespace tarn::text {
namespace {

using grammar::Distance;
using grammar::Distances;
using grammar::DistanceToEnd;
using grammar::Position;
using grammar::Runner;
using nlohmann::json;

constexpr int32_t kEnd = 0;

// An end token, every byte, and pieces that open and close more than one thing.
std::shared_ptr<const GrammarVocabulary> words() {
  std::vector<std::optional<std::string>> tokens{std::nullopt};
  for (int byte = 0; byte < 256; ++byte)
    tokens.emplace_back(std::string(1, static_cast<char>(byte)));
  for (const char* piece :
       {"\"}",  "\",",   "\": ",      "\":",  "{\"",       "[[",       "[[[[",     "]]",  "}}",
        "}]",   "\"]",   "true",      "null", "false",     "ab",       "the",      "12",  "00",
        "0.",   "-1",    "e1",        "\\n",  "\\u00",     "\xC3\xA9", "\xF0\x9F", ", ",  ",\"",
        "\n  ", "\": [", "\": [{\"a", "1,",   "x\": {\"y", "\"a",      "((((",     "aaa", "abab"}) {
    tokens.emplace_back(piece);
  }
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

int32_t token_of(std::string_view bytes) {
  const auto vocabulary = words();
  for (int32_t id = 0;; ++id) {
    if (vocabulary->bytes(id) == bytes) return id;
  }
}

grammar::ByteSet all_bytes() { return ~grammar::ByteSet(); }

// At the start of the text.
Distance shortest(const Grammar& grammar) {
  const Distances distances(grammar.automaton(), all_bytes());
  Runner runner(grammar.automaton());
  Position at;
  runner.start(grammar.automaton().start(), at);
  return DistanceToEnd(distances)(runner, at);
}

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
            out += fmt::format("\"{}\" ", std::string(1 + pick(3), "ab"[pick(2)]));
            break;
          case 1:
            out += "[ab] ";
            break;
          case 2:
            out += fmt::format("(\"ab\" | \"b\"){} ", pick(2) == 0 ? "{2,3}" : "+");
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

// Tries all texts of a and b, up to `limit` bytes.
std::optional<Distance> search(Runner& runner, const Position& from, Distance limit) {
  std::vector<Position> layer{from};
  for (Distance bytes = 0; bytes <= limit; ++bytes) {
    std::vector<Position> next;
    for (const Position& at : layer) {
      if (at.ended) return bytes;
      for (const char byte : {'a', 'b'}) {
        Position to;
        runner.advance(at, static_cast<uint8_t>(byte), to);
        if (to.alive() && std::find(next.begin(), next.end(), to) == next.end()) {
          next.push_back(std::move(to));
        }
      }
    }
    layer = std::move(next);
  }
  return std::nullopt;
}

TEST(GrammarDistances, EqualBruteForceOnRandomGrammars) {
  std::mt19937 random(3);
  int compared = 0;
  for (int i = 0; i < 300; ++i) {
    const std::string text = random_grammar(random);
    SCOPED_TRACE(text);
    std::optional<Grammar> grammar;
    try {
      grammar = Grammar::from_gbnf(text);
    } catch (const Error&) {
      continue;  // left-recursive, or without a text
    }
    const Distances distances(grammar->automaton(), all_bytes());
    DistanceToEnd distance(distances);
    Runner runner(grammar->automaton());
    Position at;
    runner.start(grammar->automaton().start(), at);
    for (int step = 0; step < 8; ++step) {
      const Distance claimed = distance(runner, at);
      if (const auto found = search(runner, at, 7)) {
        ++compared;
        EXPECT_EQ(claimed, *found) << "after " << step;
      } else {
        EXPECT_GT(claimed, 7U) << "after " << step;
      }
      Position to;
      runner.advance(at, random() % 2 == 0 ? 'a' : 'b', to);
      if (!to.alive()) continue;
      at = to;
      if (at.items.empty()) break;
      if (runner.compact(at)) distance.forget();
    }
  }
  EXPECT_GT(compared, 400);
}

TEST(GrammarDistances, CountAndSaturate) {
  EXPECT_EQ(shortest(Grammar::from_gbnf(R"g(root ::= "")g")), 0U);
  EXPECT_EQ(shortest(Grammar::from_gbnf(R"g(root ::= "abc" | "d" root)g")), 3U);
  EXPECT_EQ(shortest(Grammar::from_gbnf(R"g(root ::= "ab"{1000} "c")g")), 2001U);
  EXPECT_EQ(shortest(Grammar::from_gbnf(R"g(root ::= ("ab" | "c"){30000,50000} "!"{20000,})g")),
            50000U);
  EXPECT_EQ(shortest(Grammar::from_gbnf(R"g(root ::= (x{100000} "-"){1000}
                                            x ::= "(" x? ")" | y
                                            y ::= "[" x "]")g")),
            200'001'000U);
  EXPECT_EQ(shortest(Grammar::from_gbnf(R"g(root ::= ((("ab"){20000}){20000}){20000})g")),
            grammar::kTooFar);
  std::string doubling = "root ::= r0 r0\n";
  for (int i = 0; i < 63; ++i) doubling += fmt::format("r{} ::= \"(\" r{} r{}\n", i, i + 1, i + 1);
  EXPECT_EQ(shortest(Grammar::from_gbnf(doubling + "r63 ::= \"x\"")), grammar::kTooFar);
}

TEST(GrammarDistances, OfCountedStates) {
  const Grammar grammar = Grammar::from_gbnf(R"g(root ::= "[" ("ab" | "xyz"){20000,30000} "]")g");
  const Distances distances(grammar.automaton(), all_bytes());
  DistanceToEnd distance(distances);
  Runner runner(grammar.automaton());
  Position at;
  Position to;
  runner.start(grammar.automaton().start(), at);
  EXPECT_EQ(distance(runner, at), 40002U);
  const std::string text = "[abxyzab";
  const Distance expected[] = {40001, 40000, 39999, 39999, 39998, 39997, 39996, 39995};
  for (size_t i = 0; i < text.size(); ++i) {
    runner.advance(at, static_cast<uint8_t>(text[i]), to);
    std::swap(at, to);
    EXPECT_EQ(distance(runner, at), expected[i]) << "after " << i;
  }
}

TEST(GrammarDistances, UseTheBytesThatThereAre) {
  const Grammar grammar = Grammar::from_gbnf(R"g(root ::= "a" | "bbb")g");
  grammar::ByteSet bytes;
  bytes.set('b');
  Runner runner(grammar.automaton());
  Position at;
  runner.start(grammar.automaton().start(), at);
  const Distances some(grammar.automaton(), bytes);
  EXPECT_EQ(DistanceToEnd(some)(runner, at), 3U);
  const Distances none(grammar.automaton(), {});
  EXPECT_EQ(DistanceToEnd(none)(runner, at), grammar::kTooFar);
}

// A text of random tokens of the masks; nothing where it did not end within `budget` tokens.
std::optional<std::string> generate(const TokenGrammar& tokens, int64_t budget,
                                    std::mt19937& random) {
  GrammarConstraint at(tokens);
  std::string text;
  for (int64_t left = budget; left > 0; --left) {
    at.expect_at_most(left);
    const std::vector<int32_t> ids = ids_of(at.mask());
    const int32_t id = ids[random() % ids.size()];
    EXPECT_TRUE(at.allows(id));
    at.accept(id);
    if (id == kEnd) return text;
    text += *tokens.vocabulary().bytes(id);
  }
  return std::nullopt;
}

TEST(GrammarInTime, AllSchemasUnderAnyBudget) {
  const auto vocabulary = words();
  std::mt19937 random(1);
  std::ifstream in(std::string(TARN_TEST_DATA) + "/grammar/schemas.jsonl");
  int schemas = 0;
  for (std::string line; std::getline(in, line); ++schemas) {
    const auto ordered = nlohmann::ordered_json::parse(line);
    SCOPED_TRACE(line);
    const json schema = json::parse(line)["schema"];
    const SchemaValidator validator(schema);
    const TokenGrammar tokens(Grammar::from_json_schema(ordered["schema"].dump()), vocabulary);
    const int64_t least = shortest(tokens.grammar()) + 1;
    std::vector<int64_t> budgets{least, least + 1};
    for (int i = 0; i < 6; ++i) {
      budgets.push_back(std::max<int64_t>(least, 60 - static_cast<int64_t>(random() % 58)));
    }
    for (const int64_t budget : budgets) {
      const auto text = generate(tokens, budget, random);
      ASSERT_TRUE(text) << "not within " << budget;
      ASSERT_TRUE(json::accept(*text)) << *text;
      EXPECT_TRUE(validator.valid(json::parse(*text))) << *text;
    }
  }
  EXPECT_GE(schemas, 200);
}

TEST(GrammarInTime, NestingAndCountedRepetitions) {
  const auto vocabulary = words();
  std::mt19937 random(2);
  for (const char* text : {
           R"g(root ::= "(" root ")" root | "x" | "")g",
           R"g(root ::= x{1000} | "[" root "]" | "a"
               x ::= "(" x* ")" | "ab")g",
           R"g(root ::= ("a"{3,20000} "b"){0,20000} ("(" root ")")? "!")g",
           R"g(root ::= "(" | "((((" y
               y ::= "a"{17000,} | "ab" y? z
               z ::= "a" z "a" | "ab"{40} | [ab]{90})g",
       }) {
    SCOPED_TRACE(text);
    const TokenGrammar tokens(Grammar::from_gbnf(text), vocabulary);
    const int64_t least = shortest(tokens.grammar()) + 1;
    for (int run = 0; run < 60; ++run) {
      const int64_t budget = least + static_cast<int64_t>(random() % (run < 50 ? 150 : 3000));
      const auto made = generate(tokens, budget, random);
      ASSERT_TRUE(made) << "not within " << budget;
      EXPECT_TRUE(tokens.grammar().matches(*made)) << *made;
    }
  }
}

TEST(GrammarInTime, LeavesOutExactlyWhatIsTooFar) {
  const auto vocabulary = words();
  std::mt19937 random(5);
  for (const Grammar& grammar :
       {Grammar::json_value(), Grammar::from_gbnf(R"g(root ::= ("a"{3,20000} "b"){20} root?)g"),
        Grammar::from_gbnf(R"g(root ::= "(" root ")" root | "x"{30} | "")g")}) {
    const TokenGrammar tokens(grammar, vocabulary);
    const Distances distances(grammar.automaton(), all_bytes());
    for (int run = 0; run < 20; ++run) {
      GrammarConstraint at(tokens);
      std::string text;
      for (int step = 0; step < 40 && !at.finished(); ++step) {
        GrammarConstraint free(tokens);
        ASSERT_TRUE(free.accept_bytes(text));
        const std::vector<int32_t> all = ids_of(free.mask());
        const auto rest = [&](const std::string& more) -> int64_t {
          Runner runner(grammar.automaton());
          Position from;
          Position to;
          runner.start(grammar.automaton().start(), from);
          for (const char c : text + more) {
            runner.advance(from, static_cast<uint8_t>(c), to);
            std::swap(from, to);
          }
          return DistanceToEnd(distances)(runner, from);
        };
        const int64_t left = 1 + static_cast<int64_t>(random() % 80);
        at.expect_at_most(left);
        std::vector<int32_t> expected;
        for (const int32_t id : all) {
          if (id == kEnd || rest(std::string(*vocabulary->bytes(id))) + 2 <= left) {
            expected.push_back(id);
          }
        }
        if (rest("") + 1 > left) expected = all;  // too late
        ASSERT_EQ(ids_of(at.mask()), expected) << text << " with " << left;
        const int32_t id = all[random() % all.size()];
        at.accept(id);
        if (id != kEnd) text += *vocabulary->bytes(id);
      }
    }
  }
}

TEST(GrammarInTime, CountsAcceptedTokens) {
  const TokenGrammar tokens(Grammar::from_gbnf(R"g(root ::= "x" | "(" root ")")g"), words());
  GrammarConstraint at(tokens);
  EXPECT_EQ(ids_of(at.mask()), (std::vector<int32_t>{1 + '(', 1 + 'x', token_of("((((")}));
  at.expect_at_most(4);
  EXPECT_EQ(ids_of(at.mask()), (std::vector<int32_t>{1 + '(', 1 + 'x'}));
  at.accept(1 + '(');
  EXPECT_EQ(ids_of(at.mask()), (std::vector<int32_t>{1 + 'x'}));
  GrammarConstraint fork = at;
  fork.expect_at_most(6);  // the limit moved away
  EXPECT_EQ(ids_of(fork.mask()), (std::vector<int32_t>{1 + '(', 1 + 'x'}));
  at.expect_at_most(2);  // too late
  EXPECT_EQ(ids_of(at.mask()).size(), 3U);
}

TEST(GrammarInTime, WithoutAnEndTokenOrAWay) {
  // Nothing ends the text, or no single byte does: the limit changes nothing.
  const std::vector<std::optional<std::string>> tokens{"a", "bc", "b"};
  const auto none = std::make_shared<const GrammarVocabulary>(tokens, std::vector<int32_t>{});
  for (const char* text : {R"g(root ::= "a"*)g", R"g(root ::= "a"* "bc")g"}) {
    const TokenGrammar grammar(Grammar::from_gbnf(text), none);
    GrammarConstraint limited(grammar);
    GrammarConstraint free(grammar);
    for (int64_t left : {5, 2, 1}) {
      limited.expect_at_most(left);
      EXPECT_EQ(ids_of(limited.mask()), ids_of(free.mask()));
    }
    EXPECT_THROW(limited.expect_at_most(0), Error);
  }
}

}  // namespace
}  // namespace tarn::text
