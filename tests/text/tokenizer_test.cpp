// What the shared cases do not show: expectations computed with the tokenizers library.
#include "tarn/text/tokenizer.h"

#include <gtest/gtest.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "tarn/base/error.h"

namespace tarn::text {
namespace {

using nlohmann::json;
using Offsets = std::vector<std::pair<uint32_t, uint32_t>>;
using Strings = std::vector<std::string>;
using Ids = std::vector<int32_t>;

// A Unigram model that knows nothing: its tokens are the pieces.
json bare() {
  return json::parse(R"({"added_tokens": [], "normalizer": null, "pre_tokenizer": null,
    "post_processor": null, "decoder": null,
    "model": {"type": "Unigram", "vocab": [["<unk>", 0.0]], "unk_id": 0}})");
}
Tokenizer load(const json& file) { return Tokenizer::from_json(file.dump(), "test"); }
Encoding pieces(const char* part, const char* value, std::string_view text) {
  json file = bare();
  file[part] = json::parse(value);
  return load(file).encode(text);
}
json added(int id, const std::string& content) {
  return {{"id", id},        {"content", content},  {"single_word", false}, {"lstrip", false},
          {"rstrip", false}, {"normalized", false}, {"special", false}};
}

TEST(Tokenizer, SplitBehaviors) {
  const auto split = [](const std::string& behavior, bool invert) {
    const json part{{"type", "Split"},
                    {"pattern", {{"String", "-"}}},
                    {"behavior", behavior},
                    {"invert", invert}};
    return pieces("pre_tokenizer", part.dump().c_str(), "the-final--countdown").tokens;
  };
  EXPECT_EQ(split("Removed", false), (Strings{"the", "final", "countdown"}));
  EXPECT_EQ(split("Isolated", false), (Strings{"the", "-", "final", "-", "-", "countdown"}));
  EXPECT_EQ(split("MergedWithPrevious", false), (Strings{"the-", "final-", "-", "countdown"}));
  EXPECT_EQ(split("MergedWithNext", false), (Strings{"the", "-final", "-", "-countdown"}));
  EXPECT_EQ(split("Contiguous", false), (Strings{"the", "-", "final", "--", "countdown"}));
  EXPECT_EQ(split("Removed", true), (Strings{"-", "-", "-"}));
}

Strings regex(const std::string& pattern, std::string_view text) {
  const json part{{"type", "Split"},
                  {"pattern", {{"Regex", pattern}}},
                  {"behavior", "Isolated"},
                  {"invert", false}};
  return pieces("pre_tokenizer", part.dump().c_str(), text).tokens;
}

// Where Oniguruma and PCRE2 read the same pattern differently.
TEST(Tokenizer, RegularExpressionsAreOnigurumas) {
  EXPECT_EQ(regex("\\s", "a\u180Eb c"), (Strings{"a\u180Eb", " ", "c"}));
  EXPECT_EQ(regex("\\h+", "xbeef x"), (Strings{"x", "beef", " x"}));
  EXPECT_EQ(regex("\\w+", "e\u0301\u203F!"), (Strings{"e\u0301\u203F", "!"}));
  EXPECT_EQ(regex("\\s+$", "a \n b"), (Strings{"a", " ", "\n b"}));
  EXPECT_EQ(regex("(?m).+", "a\nb"), (Strings{"a\nb"}));
  EXPECT_EQ(regex(".+", "a\nb"), (Strings{"a", "\n", "b"}));
  EXPECT_EQ(regex("[^(\\s|[.,])]+", "a b.c"), (Strings{"a", " ", "b", ".", "c"}));
  EXPECT_EQ(regex("[a-z&&[^b]]+", "aabcb"), (Strings{"aa", "b", "c", "b"}));
  EXPECT_EQ(regex("a{,2}", "aaab").front(), "aa");
  EXPECT_EQ(regex("a{1,2}+", "aaaab"), (Strings{"aaaa", "b"}));
  EXPECT_EQ(regex("\\u0041", "xAx"), (Strings{"x", "A", "x"}));
  EXPECT_EQ(regex("[[:punct:]]", "a+b"), (Strings{"a", "+", "b"}));
  EXPECT_EQ(regex("\\p{Punct}", "a+b"), (Strings{"a+b"}));
  EXPECT_EQ(regex("\\p{Han}+", "x漢、字"), (Strings{"x", "漢", "、", "字"}));
  EXPECT_EQ(regex("(?i:'s)", "it'S \u017F'\u017F"), (Strings{"it", "'S", " \u017F", "'\u017F"}));
  EXPECT_EQ(regex("a(?i)b|c", "aBC"), (Strings{"aB", "C"}));
  EXPECT_EQ(regex("\\b", "ab cd"), (Strings{"ab", " ", "cd"}));
}

TEST(Tokenizer, OffsetsFollowNormalization) {
  const auto nfd = pieces("normalizer", R"({"type": "Sequence", "normalizers": [
      {"type": "NFKD"}, {"type": "StripAccents"}, {"type": "Strip", "strip_left": true,
       "strip_right": true}]})",
                          "  \u1EAD\uFB01 ");
  EXPECT_EQ(nfd.tokens, (Strings{"afi"}));
  EXPECT_EQ(nfd.offsets, (Offsets{{2, 4}}));
  json file = bare();
  file["normalizer"] = {{"type", "BertNormalizer"}};
  file["pre_tokenizer"] = {{"type", "BertPreTokenizer"}};
  const auto bert = load(file).encode("中a文É\u0000\t中");
  EXPECT_EQ(bert.tokens, (Strings{"中", "a", "文", "e"}));
  EXPECT_EQ(bert.offsets, (Offsets{{0, 1}, {1, 2}, {2, 3}, {3, 4}}));
}

TEST(Tokenizer, ReplaceTakesTheContentLiterally) {
  const auto replace = [](const json& pattern, const std::string& content, std::string_view text) {
    const json part{{"type", "Replace"}, {"pattern", pattern}, {"content", content}};
    return pieces("normalizer", part.dump().c_str(), text).tokens;
  };
  EXPECT_EQ(replace({{"Regex", "(l)(e)"}}, "$1 $2", "le lie"), (Strings{"$1 $2 lie"}));
  EXPECT_EQ(replace({{"String", ""}}, "_", "ab"), (Strings{"_a_b_"}));
}

TEST(Tokenizer, AddedTokenOptions) {
  json file = bare();
  json mask = added(1, "<mask>");
  mask["lstrip"] = true;
  json right = added(2, "<r>");
  right["rstrip"] = true;
  json word = added(3, "cat");
  word["single_word"] = true;
  json normalized = added(4, "HELLO");
  normalized["normalized"] = true;
  file["added_tokens"] = {mask, right, word, normalized, added(5, "\n\n"), added(6, "\n")};
  file["normalizer"] = {{"type", "Lowercase"}};
  const auto tokenizer = load(file);
  const auto encode = [&](std::string_view text) { return tokenizer.encode(text).tokens; };
  EXPECT_EQ(encode("a  <mask> b"), (Strings{"a", "  <mask>", " b"}));
  EXPECT_EQ(encode("a <r>  <mask>"), (Strings{"a ", "<r>  ", "<mask>"}));
  EXPECT_EQ(encode("cat concat cat's"), (Strings{"cat", " concat ", "cat", "'s"}));
  EXPECT_EQ(encode("Hello HELLO"), (Strings{"hello", " ", "hello"}));
  EXPECT_EQ(encode("\n\n\n"), (Strings{"\n\n", "\n"}));
  EXPECT_EQ(tokenizer.id_to_token(4), "hello");
  EXPECT_EQ(tokenizer.token_to_id("HELLO"), 4);
}

TEST(Tokenizer, AddedTokensAreNumberedFromTheEndOfTheVocabulary) {
  json file = bare();
  file["added_tokens"] = {added(150, "X"), added(0, "Y")};
  const auto tokenizer = load(file);
  EXPECT_EQ(tokenizer.encode("XY").ids, (Ids{1, 2}));
  EXPECT_EQ(tokenizer.vocab_size(), 3);
  EXPECT_EQ(tokenizer.id_limit(), 3);
}

TEST(Tokenizer, MetaspaceSchemes) {
  const auto metaspace = [](const char* scheme, std::string_view text) {
    json file = bare();
    file["added_tokens"] = {added(1, "<s>")};
    file["pre_tokenizer"] = {
        {"type", "Metaspace"}, {"replacement", "▁"}, {"prepend_scheme", scheme}, {"split", true}};
    return load(file).encode(text).tokens;
  };
  EXPECT_EQ(metaspace("always", "a  b<s>c"), (Strings{"▁a", "▁", "▁b", "<s>", "▁c"}));
  EXPECT_EQ(metaspace("first", "a b<s>c"), (Strings{"▁a", "▁b", "<s>", "c"}));
  EXPECT_EQ(metaspace("first", "<s>c"), (Strings{"<s>", "c"}));
  EXPECT_EQ(metaspace("never", "a b"), (Strings{"a", "▁b"}));
}

json bpe(const json& vocab, const json& merges) {
  json file = bare();
  file["model"] = {{"type", "BPE"}, {"vocab", vocab}, {"merges", merges}};
  return file;
}

TEST(Tokenizer, BpeMergesByRankThenFromTheLeft) {
  const auto tokenizer =
      load(bpe({{"a", 0}, {"aa", 1}, {"aaaa", 2}, {"b", 3}, {"ab", 4}}, {"aa aa", "a b", "a a"}));
  EXPECT_EQ(tokenizer.encode("aaaaa").ids, (Ids{2, 0}));
  EXPECT_EQ(tokenizer.encode("aaab").ids, (Ids{1, 4}));
}

TEST(Tokenizer, BpePrefixAndSuffix) {
  json file = bpe({{"a", 0}, {"##b", 1}, {"ab", 2}, {"##c</w>", 3}, {"a</w>", 4}}, {"a ##b"});
  file["model"]["continuing_subword_prefix"] = "##";
  file["model"]["end_of_word_suffix"] = "</w>";
  file["decoder"] = {{"type", "BPEDecoder"}, {"suffix", "</w>"}};
  const auto tokenizer = load(file);
  EXPECT_EQ(tokenizer.encode("abc").tokens, (Strings{"ab", "##c</w>"}));
  EXPECT_EQ(tokenizer.encode("a").tokens, (Strings{"a</w>"}));
  EXPECT_EQ(tokenizer.decode(Ids{4, 4}), "a a");
}

TEST(Tokenizer, UnigramFusesUnknownsAndFallsBackToBytes) {
  json file = bare();
  file["model"]["vocab"] = json::array({{"<unk>", 0}, {"a", -1}, {"<0xC3>", -9}, {"<0xA9>", -9}});
  EXPECT_EQ(load(file).encode("axya").tokens, (Strings{"a", "xy", "a"}));
  file["model"]["byte_fallback"] = true;
  const auto out = load(file).encode("aéa!");
  EXPECT_EQ(out.ids, (Ids{1, 2, 3, 1, 0}));
  EXPECT_EQ(out.offsets, (Offsets{{0, 1}, {1, 2}, {1, 2}, {2, 3}, {3, 4}}));
}

Tokenizer byte_fallback() {
  json file = bare();
  file["model"]["vocab"] = json::array(
      {{"<unk>", 0}, {"▁a", -1}, {"<0xE4>", 0}, {"<0xBD>", 0}, {"<0xA0>", 0}, {"▁", 0}});
  file["decoder"] = json::parse(R"({"type": "Sequence", "decoders": [
      {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"},
      {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]})");
  return load(file);
}

TEST(StreamDecoder, HoldsByteRunsAndStripsTheFirstSpaceOnly) {
  const auto tokenizer = byte_fallback();
  StreamDecoder stream(tokenizer);
  EXPECT_EQ(stream.push(5), "");
  EXPECT_EQ(stream.push(5), " ");
  EXPECT_EQ(stream.push(2), "");
  EXPECT_EQ(stream.push(3), "");
  EXPECT_EQ(stream.push(4), "");
  EXPECT_EQ(stream.push(1), "你 a");
  EXPECT_EQ(stream.push(2), "");
  EXPECT_EQ(stream.flush(), "\uFFFD");
}

// A run of bytes whose end spoils its beginning: only the end tells what the run decodes to.
TEST(StreamDecoder, SpoiltRunOfBytes) {
  const auto tokenizer = byte_fallback();
  const Ids ids{2, 3, 4, 2, 1};
  StreamDecoder stream(tokenizer);
  std::string text;
  for (const int32_t id : ids) text += stream.push(id);
  text += stream.flush();
  EXPECT_EQ(text, "\uFFFD\uFFFD\uFFFD\uFFFD a");
  EXPECT_EQ(text, tokenizer.decode(ids));
}

TEST(Tokenizer, SharedByThreads) {
  const auto tokenizer = Tokenizer::from_file(TARN_TEST_DATA "/tokenizers/llama3");
  const std::string text =
      "It was the best of times, it was the worst of times; 12345 \u4E2D\u6587";
  const Ids expected = tokenizer.encode(text).ids;
  std::vector<std::thread> threads;
  std::vector<int> wrong(4, 0);
  for (size_t i = 0; i < wrong.size(); ++i) {
    threads.emplace_back([&, i] {
      for (int k = 0; k < 50; ++k) wrong[i] += tokenizer.encode(text).ids != expected;
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(wrong, std::vector<int>(4, 0));
}

// Long texts of one kind, where a careless matcher or merger turns quadratic. A hundred thousand
// characters take milliseconds when linear and minutes when not.
TEST(Tokenizer, LongTextsStayLinear) {
  const size_t n = 100'000;
  std::string blanks_and_end(n, ' ');
  blanks_and_end += 'x';
  std::string marks = "e";
  for (size_t i = 0; i < n / 2; ++i) marks += "\u0301";
  for (const char* kind : {"deepseek_llm", "llama3", "sp_bpe", "unigram", "wordpiece"}) {
    const auto tokenizer = Tokenizer::from_file(std::string(TARN_TEST_DATA "/tokenizers/") + kind);
    for (const std::string& text :
         {std::string(n, 'a'), blanks_and_end, std::string(n, '\n'), std::string(n, '<'), marks}) {
      const auto start = std::chrono::steady_clock::now();
      tokenizer.encode(text);
      EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20)) << kind;
    }
  }
}

}  // namespace
}  // namespace tarn::text
