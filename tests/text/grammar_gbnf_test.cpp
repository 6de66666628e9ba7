// Grammars in GBNF: what they match, and what is refused with a place.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tarn/base/error.h"
#include "tarn/text/grammar/automaton.h"
#include "tarn/text/grammar/grammar.h"

namespace tarn::text {
namespace {

struct Case {
  const char* grammar;
  std::vector<std::string> matching;
  std::vector<std::string> other;
};

class Gbnf : public testing::TestWithParam<Case> {};

TEST_P(Gbnf, Matches) {
  const Grammar grammar = Grammar::from_gbnf(GetParam().grammar);
  for (const std::string& text : GetParam().matching) EXPECT_TRUE(grammar.matches(text)) << text;
  for (const std::string& text : GetParam().other) EXPECT_FALSE(grammar.matches(text)) << text;
}

const Case kCases[] = {
    {R"(root ::= "a")", {"a"}, {"", "aa", "b"}},
    {R"(root ::= "")", {""}, {"a"}},
    {R"(root ::= "a" | "b" "c" |)", {"", "a", "bc"}, {"ab", "b"}},
    {R"(root ::= [a-c]+ [^x-z\n]? "-"*)", {"a", "cab", "aq-", "b--"}, {"", "ax", "a\n", "-"}},
    {R"(root ::= "a"{3})", {"aaa"}, {"aa", "aaaa"}},
    {R"(root ::= "a"{2,})", {"aa", "aaaaa"}, {"", "a"}},
    {R"(root ::= "a"{1,3} "b"{0,1})", {"a", "aaab"}, {"", "aaaa", "b"}},
    {R"(root ::= ("ab" | "c")* "!")", {"!", "abcab!"}, {"a!", "abc"}},
    {R"(root ::= (("a"?)* "b"?)* "c")", {"c", "aabac", "bbc"}, {"", "ca"}},
    {"root ::= . \"!\"", {"x!", "\xC3\xA9!", "\xF0\x9F\x98\x80!"}, {"!", "xx!", "\xC3!"}},
    {"root ::= \"\\x41\\u00e9\\U0001F600\\\"\\\\\\t\\r\\n\"",
     {"A\xC3\xA9\xF0\x9F\x98\x80\"\\\t\r\n"},
     {"A"}},
    {"root ::= [\\x41\\u00e9-\\u00ff\\]\\-]+", {"A\xC3\xA9\xC3\xBF]-"}, {"\xC3\xA0", "B"}},
    {"root ::= [^a]",
     {"b", "\xC3\xA9", "\xED\x9F\xBF", "\xEE\x80\x80", "\xF4\x8F\xBF\xBF"},
     {"a", "\xED\xA0\x80", "\xC0\x80", "\xF4\x90\x80\x80", "\xC3"}},
    {"# sums\nroot ::= (expr \"=\" ws num \"\\n\")+  # each a line\n"
     "expr ::= term ([-+*/] term)*\nterm ::= ident | num | \"(\" ws expr \")\" ws\n"
     "ident ::= [a-z] [a-z0-9_]* ws\nnum ::= [0-9]+ ws\nws ::= [ \\t\\n]*\n",
     {"1=2\n", "(a+b2 ) *3 = 7\n", "x=1\ny-(z)=2\n"},
     {"1+=2\n", "(1=2\n", "1=2", "a* 3=7\n"}},
    {"root ::= object\nvalue ::= object | array | string | number | (\"true\" | \"false\" | "
     "\"null\") ws\n\n"
     "object ::=\n  \"{\" ws (\n            string \":\" ws value\n    (\",\" ws string \":\" ws "
     "value)*\n  )? \"}\" ws\n\n"
     "array  ::=\n  \"[\" ws (\n            value\n    (\",\" ws value)*\n  )? \"]\" ws\n\n"
     "string ::=\n  \"\\\"\" (\n    [^\"\\\\\\x7F\\x00-\\x1F] |\n    \"\\\\\" ([\"\\\\bfnrt] | "
     "\"u\" [0-9a-fA-F]{4}) # escapes\n  )* \"\\\"\" ws\n\n"
     "number ::= (\"-\"? ([0-9] | [1-9] [0-9]{0,15})) (\".\" [0-9]+)? ([eE] [-+]? [0-9] "
     "[1-9]{0,15})? ws\n"
     "ws ::= | \" \" | \"\\n\" [ \\t]{0,20}\n",
     {"{}", R"({"a": [1, -2.5e3, true], "b":{"c":"\u00e9\n"}})", "{\n \"a\":null}"},
     {"[]", "{\"a\":}", "{\"a\":1,}", "{'a':1}"}},
    {"root   ::= \"1. \" move \" \" move \"\\n\" ([1-9] [0-9]? \". \" move \" \" move \"\\n\")+\n"
     "move   ::= (pawn | nonpawn | castle) [+#]?\n"
     "nonpawn ::= [NBKQR] [a-h]? [1-8]? \"x\"? [a-h] [1-8]\n"
     "pawn   ::= ([a-h] \"x\")? [a-h] [1-8] (\"=\" [NBKQR])?\n"
     "castle ::= \"O-O\" \"-O\"?\n",
     {"1. e4 e5\n2. Nf3 Nc6\n3. Bb5 a6\n", "1. d4 d5\n2. O-O-O exd8=Q+\n"},
     {"1. e4 e5\n", "1. e9 e5\n2. Nf3 Nc6\n"}},
    {"root ::= item+\nitem ::= \"- \" [^\\r\\n\\x0b\\x0c\\x85\\u2028\\u2029]+ \"\\n\"",
     {"- milk\n- \xC3\xA9\n"},
     {"milk\n", "- \n", "- a"}},
    {"root ::= a\n  | b\na ::= \"x\"\nb ::= \"y\" |\n  \"z\"", {"x", "y", "z"}, {"xy", ""}},
    {"root ::= \"a\" root \"b\" | \"\"", {"", "ab", "aaabbb"}, {"a", "abb", "ba"}},
    {"root ::= \"a\" root | \"b\"", {"b", "aaaaab"}, {"a", "ba"}},
    {"root ::= x root y | \"m\"\nx ::= \"a\" | \"ab\"\ny ::= \"b\"? \"c\"",
     {"m", "amc", "abambcc"},
     {"am", "mc"}},
    {"root ::= \"x\"{2000,3000}",
     {std::string(2000, 'x'), std::string(3000, 'x')},
     {std::string(1999, 'x'), std::string(3001, 'x')}},
    {"root ::= (\"xy\"{0,1000} \";\"?){5000,}", {"", std::string(5000, ';'), "xyxy;"}, {"x", "y"}},
    {"root ::= ([a-z]{1,500} \",\"){3000}", {}, {"", "a,"}},
};
INSTANTIATE_TEST_SUITE_P(All, Gbnf, testing::ValuesIn(kCases));

void expect_error(const std::string& grammar, ErrorCode code, const std::string& message) {
  try {
    Grammar::from_gbnf(grammar);
    ADD_FAILURE() << "accepted: " << grammar.substr(0, 200);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    EXPECT_THAT(error.what(), testing::HasSubstr(message));
  }
}

TEST(GbnfErrors, NameThePlace) {
  const auto bad = ErrorCode::invalid_argument;
  expect_error("", bad, "no rule \"root\"");
  expect_error("a ::= \"b\"", bad, "no rule \"root\"");
  expect_error("root ::= \"a\nb", bad, "line 1, column 10: the quotation has no end");
  expect_error("root ::= x\nx ::= [a", bad, "line 2, column 7: the character class has no end");
  expect_error("root ::= x", bad, "line 1, column 10: rule \"x\" is used and not defined");
  expect_error("root ::= \"a\"\nroot ::= \"b\"", bad, "line 2, column 1: rule \"root\" is defined");
  expect_error("root ::= (\"a\"", bad, "expected )");
  expect_error("root ::= \"a\")", bad, "line 1, column 13");
  expect_error("root ::= *", bad, "nothing to repeat");
  expect_error("root ::= \"a\"{3,2}", bad, "out of order");
  expect_error("root ::= \"a\"{x}", bad, "expected a number");
  expect_error("root ::= [z-a]", bad, "out of order");
  expect_error("root ::= \"\\q\"", bad, "unknown escape");
  expect_error("root ::= \"\\ud800\"", bad, "names no character");
  expect_error("root ::= \"\\x4\"", bad, "hexadecimal");
  expect_error("root : \"a\"", bad, "expected ::=");
  expect_error("root ::= \"\xFF\"", bad, "UTF-8 at byte 10");
  expect_error("root ::= \"\xC3\xA9\" $", bad, "line 1, column 14");
  expect_error("root ::= \"a\"{9999999999}", ErrorCode::unsupported, "repetitions");
  expect_error("root ::= <think>", ErrorCode::unsupported, "tokens");
}

TEST(GbnfErrors, RefuseLeftRecursion) {
  for (const char* grammar :
       {"root ::= root \"a\" | \"b\"", "root ::= x\nx ::= y \"a\"\ny ::= \"b\"? x | \"c\"",
        "root ::= (root){2,9} | \"a\"", "root ::= root", "root ::= \"a\"* root \"b\" | \"c\"",
        "root ::= (root \"x\"){5000} | \"a\""}) {
    expect_error(grammar, ErrorCode::unsupported, "left-recursive");
  }
}

TEST(GbnfErrors, RefuseWhatMatchesNothing) {
  expect_error("root ::= \"a\" root", ErrorCode::invalid_argument, "no text matches");
  expect_error("root ::= []", ErrorCode::invalid_argument, "no text matches");
}

TEST(GbnfErrors, DeadEndsAreCutOff) {
  const Grammar grammar = Grammar::from_gbnf("root ::= \"a\" (x | \"b\")\nx ::= \"c\" x");
  EXPECT_TRUE(grammar.matches("ab"));
  EXPECT_FALSE(grammar.automaton().first(grammar.automaton().start()).test('c'));
}

TEST(GbnfHostile, StaysSmall) {
  expect_error(fmt::format("root ::= {}", std::string(5000, '(')), ErrorCode::unsupported,
               "nested deeper");
  // 2^20 states when determinized.
  expect_error("root ::= [ab]* \"a\" [ab]{20}", ErrorCode::unsupported, "states");
  // A rule that doubles twenty-five times over.
  std::string doubling = "root ::= r0\n";
  for (int i = 0; i < 25; ++i) {
    doubling += fmt::format("r{} ::= r{} r{}\n", i, i + 1, i + 1);
  }
  EXPECT_LT(Grammar::from_gbnf(doubling + "r25 ::= \"a\"").automaton().table_states(), 5000U);
  // Repetitions within each other are counted, not written out.
  const Grammar counted =
      Grammar::from_gbnf("root ::= (((\"a\"{1000} \"b\"){1000} \"c\"){1000} \"d\"){1000}");
  EXPECT_LT(counted.automaton().table_states(), 20000U);
  EXPECT_FALSE(counted.matches(std::string(1001, 'a')));
  // A long text, and a long repetition that is written out.
  const std::string text(15000, 'a');
  EXPECT_TRUE(Grammar::from_gbnf(fmt::format("root ::= \"{}\"", text)).matches(text));
  EXPECT_TRUE(Grammar::from_gbnf("root ::= \"a\"{15000}").matches(text));
  // A long chain of rules, each the last of the one before.
  std::string chain = "root ::= r0\n";
  for (int i = 0; i < 20000; ++i) {
    chain += fmt::format("r{} ::= \"a\" | \"b\" r{}\n", i, i + 1);
  }
  EXPECT_TRUE(Grammar::from_gbnf(chain + "r20000 ::= \"z\"").matches("bbbba"));
}

TEST(GbnfHostile, DeepTextEndsInAnError) {
  const Grammar grammar = Grammar::from_gbnf("root ::= \"(\" root \")\" | \"x\"");
  EXPECT_TRUE(grammar.matches(std::string(3000, '(') + "x" + std::string(3000, ')')));
  EXPECT_THROW(grammar.matches(std::string(100000, '(')), Error);
}

TEST(GbnfHostile, AmbiguityStaysPolynomial) {
  // 2^n ways to read n letters.
  const Grammar grammar = Grammar::from_gbnf(
      "root ::= x | y\nx ::= \"a\" root \"b\" | \"a\" y \"b\" | \"c\"\ny ::= \"a\" x \"b\" | \"a\" "
      "root \"b\" | \"c\"");
  EXPECT_TRUE(grammar.matches(std::string(500, 'a') + "c" + std::string(500, 'b')));
  EXPECT_FALSE(grammar.matches(std::string(500, 'a') + "c" + std::string(499, 'b')));
}

}  // namespace
}  // namespace tarn::text
