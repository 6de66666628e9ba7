// Tokenizers through GGUF's metadata: what comes back gives the ids of tokenizer.json.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tarn/base/error.h"
#include "tarn/base/file.h"
#include "tarn/io/gguf.h"
#include "tarn/io/gguf_writer.h"
#include "tarn/text/gguf/tokenizer.h"
#include "tarn/text/tokenizer.h"
#include "tests/io/safetensors_files.h"

namespace tarn::text {
namespace {

using nlohmann::json;
using testing::TemporaryFolder;
using Ids = std::vector<int32_t>;

const std::filesystem::path root = std::filesystem::path(TARN_TEST_DATA) / "tokenizers";

// A file with this metadata and no tensors.
GgufFile file_of(const TemporaryFolder& folder, const GgufMetadata& metadata) {
  GgufWriter(folder / "t.gguf", metadata, {}).finish();
  return GgufFile::open(folder / "t.gguf");
}

// What other programs write: everything but the tokenizer.json itself.
GgufMetadata without_json(const GgufMetadata& all) {
  GgufMetadata standard;
  for (const auto& [key, value] : all.entries()) {
    if (key == "tokenizer.huggingface.json") continue;
    std::visit(
        [&, name = key](const auto& of_type) {
          using T = std::decay_t<decltype(of_type)>;
          if constexpr (std::is_same_v<T, uint32_t>) standard.add_u32(name, of_type);
          if constexpr (std::is_same_v<T, bool>) standard.add_bool(name, of_type);
          if constexpr (std::is_same_v<T, std::string>) standard.add_string(name, of_type);
          if constexpr (std::is_same_v<T, std::vector<std::string>>) {
            standard.add_strings(name, of_type);
          }
          if constexpr (std::is_same_v<T, std::vector<int32_t>>) standard.add_i32s(name, of_type);
          if constexpr (std::is_same_v<T, std::vector<float>>) standard.add_f32s(name, of_type);
        },
        value);
  }
  return standard;
}

class GgufTokenizer : public ::testing::TestWithParam<std::string> {
 protected:
  // Cases whose ids or decoded text differ from what tokenizer.json gives.
  int differing(const Tokenizer& tokenizer) {
    std::ifstream in(root / GetParam() / "cases.jsonl");
    int count = 0;
    for (std::string line; std::getline(in, line);) {
      const json one = json::parse(line);
      if (one.at("type") != "encode") continue;
      ++cases_;
      const std::string text = one["text"];
      const bool same = tokenizer.encode(text, false).ids == one["ids"].get<Ids>() &&
                        tokenizer.decode(one["ids_special"].get<Ids>(), false) == one["decode"];
      if (!same) ++count;
    }
    return count;
  }
  int cases_ = 0;
};

TEST_P(GgufTokenizer, GivesTheIdsOfTokenizerJson) {
  const TemporaryFolder folder;
  GgufMetadata metadata;
  gguf::add_tokenizer(read_file(root / GetParam() / "tokenizer.json"), "", 0, metadata);
  const auto whole = gguf::tokenizer_json(file_of(folder, metadata));
  ASSERT_TRUE(whole);
  EXPECT_EQ(differing(Tokenizer::from_json(*whole, "whole")), 0);
  ASSERT_GT(cases_, 90);

  const TemporaryFolder other;
  const auto made = gguf::tokenizer_json(file_of(other, without_json(metadata)));
  ASSERT_TRUE(made);
  const int differences = differing(Tokenizer::from_json(*made, "made"));
  // What the standard keys cannot say: a normalizer of Unigram but SentencePiece's own.
  const std::string name = GetParam();
  if (name == "unigram") {
    EXPECT_LT(differences, cases_ / 4);
  } else {
    EXPECT_EQ(differences, 0);
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, GgufTokenizer,
                         ::testing::Values("deepseek_llm", "deepseek_v3", "gpt2", "llama3", "o200k",
                                           "qwen2", "qwen3_5", "sp_bpe", "sp_bpe_gemma", "unigram",
                                           "wordpiece"),
                         [](const auto& kind) { return kind.param; });

std::string refusal(const std::function<void(GgufMetadata&)>& change) {
  const TemporaryFolder folder;
  GgufMetadata metadata;
  metadata.add_string("tokenizer.ggml.model", "gpt2");
  change(metadata);
  try {
    gguf::tokenizer_json(file_of(folder, metadata));
  } catch (const Error& error) {
    return error.what();
  }
  return "it was taken";
}

TEST(GgufTokenizerHostile, SaysWhichKeyIsWrong) {
  const auto says = [](const char* part, const std::function<void(GgufMetadata&)>& change) {
    EXPECT_NE(refusal(change).find(part), std::string::npos) << refusal(change);
  };
  says("\"tokenizer.ggml.tokens\" is missing", [](GgufMetadata&) {});
  says("\"tokenizer.ggml.merges\" is missing",
       [](GgufMetadata& m) { m.add_strings("tokenizer.ggml.tokens", {"a"}); });
  says("\"tokenizer.ggml.token_type\" has not as many", [](GgufMetadata& m) {
    m.add_strings("tokenizer.ggml.tokens", {"a", "b"});
    m.add_i32s("tokenizer.ggml.token_type", {1});
  });
  says("\"tokenizer.ggml.tokens\" holds \"a\" twice", [](GgufMetadata& m) {
    m.add_strings("tokenizer.ggml.tokens", {"a", "a"});
    m.add_strings("tokenizer.ggml.merges", {"a a"});
  });
  says("holds \"ab\", which is not two tokens", [](GgufMetadata& m) {
    m.add_strings("tokenizer.ggml.tokens", {"a", "b"});
    m.add_strings("tokenizer.ggml.merges", {"ab"});
  });
  says("bos_token_id\" is 7, and there are 2 tokens", [](GgufMetadata& m) {
    m.add_strings("tokenizer.ggml.tokens", {"a", "b"});
    m.add_strings("tokenizer.ggml.merges", {"a b"});
    m.add_u32("tokenizer.ggml.bos_token_id", 7);
    m.add_bool("tokenizer.ggml.add_bos_token", true);
  });
}

}  // namespace
}  // namespace tarn::text
