#include "tarn/models/generation_config.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/io/safetensors_files.h"

namespace tarn {
namespace {

using testing::expect_error;

GenerationConfig parse(const std::string& text) {
  return parse_generation_config(text, "generation_config.json");
}

TEST(GenerationConfig, ReadsEveryField) {
  const auto config = parse(
      R"({"eos_token_id":[151645,151643],"bos_token_id":1,"pad_token_id":151643,"do_sample":true,)"
      R"("temperature":0.6,"top_k":20,"top_p":0.95,"min_p":0.05,"repetition_penalty":1.05,)"
      R"("max_new_tokens":2048,"transformers_version":"4.51.0"})");
  EXPECT_EQ(config, (GenerationConfig{.eos_token_ids = {151645, 151643},
                                      .bos_token_id = 1,
                                      .pad_token_id = 151643,
                                      .do_sample = true,
                                      .temperature = 0.6,
                                      .top_k = 20,
                                      .top_p = 0.95,
                                      .min_p = 0.05,
                                      .repetition_penalty = 1.05,
                                      .max_new_tokens = 2048}));
}

TEST(GenerationConfig, AbsentAndNullAreUnset) {
  EXPECT_EQ(parse("{}"), GenerationConfig{});
  EXPECT_EQ(parse(R"({"temperature":null,"eos_token_id":null,"pad_token_id":-1})"),
            GenerationConfig{});
}

TEST(GenerationConfig, ValuesAreChecked) {
  const auto expect_corrupt = [](const std::string& text, std::string_view part) {
    expect_error(ErrorCode::corrupt, {"generation_config.json: ", part}, [&] { parse(text); });
  };
  expect_corrupt(R"({"temperature":-0.1})", "\"temperature\" is -0.1, outside 0 to 1000");
  expect_corrupt(R"({"temperature":Infinity})", "\"temperature\" is 1.79");
  expect_corrupt(R"({"temperature":"0.7"})", "\"temperature\" is a string");
  expect_corrupt(R"({"top_k":-1})", "\"top_k\" is -1");
  expect_corrupt(R"({"top_p":0})", "\"top_p\" is 0");
  expect_corrupt(R"({"top_p":1.1})", "\"top_p\" is 1.1");
  expect_corrupt(R"({"min_p":2})", "\"min_p\" is 2");
  expect_corrupt(R"({"repetition_penalty":0})", "\"repetition_penalty\" is 0");
  expect_corrupt(R"({"do_sample":1})", "\"do_sample\" is an integer, not true or false");
  expect_corrupt(R"({"eos_token_id":{}})", "\"eos_token_id\" is an object");
  expect_corrupt("[]", "the document is a list");
}

TEST(GenerationConfig, TokenIdsFallBackToTheModels) {
  const testing::TemporaryFolder folder;
  ModelConfig model;
  model.eos_token_ids = {2};
  model.bos_token_id = 1;
  EXPECT_EQ(load_generation_config(folder.path(), model).eos_token_ids, std::vector<int64_t>{2});
  testing::write(folder / "generation_config.json", R"({"eos_token_id":[5,6],"top_k":9})");
  const auto config = load_generation_config(folder.path(), model);
  EXPECT_EQ(config.eos_token_ids, (std::vector<int64_t>{5, 6}));
  EXPECT_EQ(config.bos_token_id, 1);
  EXPECT_EQ(config.top_k, 9);
}

}  // namespace
}  // namespace tarn
