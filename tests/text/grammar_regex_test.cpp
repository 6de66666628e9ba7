// Regular expressions as grammars.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tarn/base/error.h"
#include "tarn/text/grammar/grammar.h"

namespace tarn::text {
namespace {

struct Case {
  const char* pattern;
  std::vector<std::string> matching;
  std::vector<std::string> other;
};

class GrammarRegex : public testing::TestWithParam<Case> {};

TEST_P(GrammarRegex, Matches) {
  const Grammar grammar = Grammar::from_regex(GetParam().pattern);
  for (const std::string& text : GetParam().matching) EXPECT_TRUE(grammar.matches(text)) << text;
  for (const std::string& text : GetParam().other) EXPECT_FALSE(grammar.matches(text)) << text;
}

const Case kCases[] = {
    {"", {""}, {"a"}},
    {"abc", {"abc"}, {"ab", "abcd", "xabc"}},
    {"^abc$", {"abc"}, {"ab", "abcd"}},
    {"a|b|", {"a", "b", ""}, {"ab"}},
    {"(?:ab)+c?", {"ab", "ababc"}, {"", "c"}},
    {"(?<year>\\d{4})-\\d\\d", {"2024-01"}, {"24-01"}},
    {"a*?b+?c??", {"b", "aabbc"}, {"a"}},
    {"[^a-c\\d]", {"d", "\xC3\xA9"}, {"a", "7", ""}},
    {"[\\w.-]+", {"a_9.-"}, {" ", ""}},
    {"[\\s\\S]", {"\n", "x", "\xF0\x9F\x98\x80"}, {""}},
    {".", {"x", "\xF0\x9F\x98\x80"}, {"\n", "\r", "\xE2\x80\xA8"}},
    {"\\u00e9\\x41\\u{1F600}\\ud83d\\ude00\\cJ\\0",
     {std::string("\xC3\xA9"
                  "A\xF0\x9F\x98\x80\xF0\x9F\x98\x80\n\0",
                  13)},
     {"A"}},
    {"a{2}b{1,}c{,3}x{", {"aabc{,3}x{", "aabbbc{,3}x{"}, {"aabccx{"}},
    {"\\$\\.\\/\\-]}", {"$./-]}"}, {"$"}},
    {"a(^b|c)d", {"acd"}, {"abd", "bd"}},
    {"(^a|b)(c$|d)", {"ac", "bd"}, {"acd"}},
    {"a*^b$", {"b"}, {"ab"}},
    {"[a-z]{2,100000}", {"ab", std::string(5000, 'x')}, {"a", "A"}},
    {"[]", {}, {}},
};
INSTANTIATE_TEST_SUITE_P(All, GrammarRegex,
                         testing::ValuesIn(kCases, kCases + std::size(kCases) - 1));

TEST(GrammarRegexErrors, NameWhatIsNotSupported) {
  const auto expect = [](const std::string& pattern, ErrorCode code, const std::string& message) {
    try {
      Grammar::from_regex(pattern);
      ADD_FAILURE() << "accepted: " << pattern.substr(0, 100);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), code) << error.what();
      EXPECT_THAT(error.what(), testing::HasSubstr(message));
    }
  };
  const auto no = ErrorCode::unsupported;
  const auto bad = ErrorCode::invalid_argument;
  expect("a(?=b)", no, "column 2: look-around");
  expect("(?<!b)a", no, "look-around");
  expect("(a)\\1", no, "column 4: a back-reference");
  expect("(?<n>a)\\k<n>", no, "back-reference");
  expect("\\bword", no, "word boundary");
  expect("\\p{L}", no, "Unicode property");
  expect("(?i:a)", no, "kind of group");
  expect("\\q", no, "escape");
  expect("a**", bad, "nothing to repeat");
  expect("(a", bad, "the group has no end");
  expect("a)", bad, "no group to close");
  expect("[a", bad, "has no end");
  expect("[b-a]", bad, "out of order");
  expect("a{3,1}", bad, "out of order");
  expect("\\u12", bad, "hexadecimal");
  expect("\xFF", bad, "UTF-8");
  expect("[]", bad, "no text matches");
  expect(std::string(5000, '('), no, "this deep");
  expect("(a|b)*a(a|b){25}", no, "states");
  expect("(((a{1000}){1000}){1000}){1000}b{2000000}", no, "repetitions");
}

}  // namespace
}  // namespace tarn::text
