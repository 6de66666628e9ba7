// Every tokenizer of tests/data/tokenizers against what the `tokenizers` library computed for it.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tarn/text/tokenizer.h"

namespace tarn::text {
namespace {

using nlohmann::json;
using Offsets = std::vector<std::pair<uint32_t, uint32_t>>;
using Ids = std::vector<int32_t>;

const std::filesystem::path kRoot = std::filesystem::path(TARN_TEST_DATA) / "tokenizers";

std::vector<std::string> kinds() {
  std::vector<std::string> out;
  for (const auto& entry : std::filesystem::directory_iterator(kRoot)) {
    if (entry.is_directory()) out.push_back(entry.path().filename().string());
  }
  std::sort(out.begin(), out.end());
  return out;
}

class TokenizerCases : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    const auto folder = kRoot / GetParam();
    tokenizer_.emplace(Tokenizer::from_file(folder));
    std::ifstream in(folder / "cases.jsonl");
    for (std::string line; std::getline(in, line);) {
      json one = json::parse(line);
      cases_[one.at("type").get<std::string>()].push_back(std::move(one));
    }
  }
  std::optional<Tokenizer> tokenizer_;
  std::map<std::string, std::vector<json>> cases_;
};

TEST_P(TokenizerCases, Encode) {
  ASSERT_GE(cases_["encode"].size(), 100U);
  for (const json& one : cases_["encode"]) {
    const std::string text = one["text"];
    SCOPED_TRACE(text);
    const Encoding plain = tokenizer_->encode(text, false);
    EXPECT_EQ(plain.ids, one["ids"].get<Ids>());
    EXPECT_EQ(plain.offsets, one["offsets"].get<Offsets>());
    EXPECT_EQ(plain.tokens, one["tokens"].get<std::vector<std::string>>());
    EXPECT_EQ(tokenizer_->encode(text).ids, one["ids_special"].get<Ids>());
  }
}

TEST_P(TokenizerCases, Decode) {
  for (const char* type : {"encode", "decode"}) {
    ASSERT_FALSE(cases_[type].empty());
    for (const json& one : cases_[type]) {
      const auto ids = (one.contains("ids_special") ? one["ids_special"] : one["ids"]).get<Ids>();
      EXPECT_EQ(tokenizer_->decode(ids, false), one["decode"].get<std::string>());
      EXPECT_EQ(tokenizer_->decode(ids, true), one["decode_skip"].get<std::string>());
    }
  }
}

TEST_P(TokenizerCases, Pair) {
  ASSERT_FALSE(cases_["pair"].empty());
  for (const json& one : cases_["pair"]) {
    const Encoding pair =
        tokenizer_->encode_pair(one["a"].get<std::string>(), one["b"].get<std::string>());
    EXPECT_EQ(pair.ids, one["ids_special"].get<Ids>());
    EXPECT_EQ(pair.type_ids, one["type_ids"].get<Ids>());
  }
}

// What has been written so far is always the start of the text so far, whole characters only, and
// with the flush it is the text.
TEST_P(TokenizerCases, Stream) {
  ASSERT_FALSE(cases_["stream"].empty());
  for (const json& one : cases_["stream"]) {
    SCOPED_TRACE(one["text"].get<std::string>());
    StreamDecoder stream(*tokenizer_, false);
    std::string written;
    const auto ids = one["ids"].get<Ids>();
    for (size_t k = 0; k < ids.size(); ++k) {
      written += stream.push(ids[k]);
      std::string prefix = one["prefix"][k];
      EXPECT_TRUE(prefix.starts_with(written)) << written << " | " << prefix;
      // Only a run of byte tokens may wait beyond the unfinished character.
      const auto token = tokenizer_->id_to_token(ids[k]).value_or("");
      const bool byte_token = token.size() == 6 && token.starts_with("<0x");
      while (prefix.ends_with("\xEF\xBF\xBD")) prefix.resize(prefix.size() - 3);
      if (!byte_token) {
        EXPECT_TRUE(written.starts_with(prefix)) << written << " | " << prefix;
      }
    }
    written += stream.flush();
    EXPECT_EQ(written, one["prefix"].back().get<std::string>());
    EXPECT_EQ(written, tokenizer_->decode(ids, false));
  }
}

TEST_P(TokenizerCases, StreamOfRandomIds) {
  for (const json& one : cases_["decode"]) {
    for (const bool skip : {false, true}) {
      StreamDecoder stream(*tokenizer_, skip);
      std::string written;
      for (const int32_t id : one["ids"].get<Ids>()) written += stream.push(id);
      written += stream.flush();
      EXPECT_EQ(written, one[skip ? "decode_skip" : "decode"].get<std::string>());
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, TokenizerCases, testing::ValuesIn(kinds()),
                         [](const auto& test) { return test.param; });

}  // namespace
}  // namespace tarn::text
