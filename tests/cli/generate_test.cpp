// generate and logits on the golden models: the reference's numbers, through the executable.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "tarn/base/json.h"
#include "tarn/io/safetensors.h"
#include "tests/io/safetensors_files.h"
#include "tests/support/command.h"

namespace tarn {
namespace {

using testing::run_tarn;

const std::string golden = std::string(TARN_TEST_DATA) + "/golden/";

template <typename T>
std::vector<T> values(const SafetensorsFile& file, const char* name) {
  const TensorInfo& tensor = file.tensor(name);
  std::vector<T> result(tensor.element_count());
  std::memcpy(result.data(), tensor.bytes.data(), tensor.bytes.size());
  return result;
}

class Golden : public ::testing::TestWithParam<const char*> {};

TEST_P(Golden, GreedyTokensAreTheReferences) {
  const auto expected = SafetensorsFile::open(golden + GetParam() + "/expected.safetensors");
  const auto prompt = values<int32_t>(expected, "input_ids");
  const auto greedy = values<int32_t>(expected, "greedy");
  const auto result =
      run_tarn(fmt::format("generate {}{} --tokens {} -n {} --json --exact --ignore-eos -t 1",
                           golden, GetParam(), fmt::join(prompt, ","), greedy.size()));
  ASSERT_EQ(result.status, 0) << result.err;
  const json out = parse_json(result.out, "stdout");
  EXPECT_EQ(out.at("tokens").get<std::vector<int32_t>>(), greedy);
  EXPECT_EQ(out.at("text"), "");  // golden models have no tokenizer
  EXPECT_EQ(out.at("finish_reason"), "length");
}

TEST_P(Golden, LogitsAreTheReferences) {
  const testing::TemporaryFolder folder;
  const auto expected = SafetensorsFile::open(golden + GetParam() + "/expected.safetensors");
  const auto result = run_tarn(fmt::format(
      "logits {}{} --tokens {} --exact -t 1 --out {}", golden, GetParam(),
      fmt::join(values<int32_t>(expected, "input_ids"), ","), (folder / "o.safetensors").string()));
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(result.out, "");
  const auto file = SafetensorsFile::open(folder / "o.safetensors");
  EXPECT_EQ(file.tensor("logits").shape, expected.tensor("logits").shape);
  const auto ours = values<float>(file, "logits");
  const auto theirs = values<float>(expected, "logits");
  float worst = 0;
  for (size_t i = 0; i < ours.size(); ++i) {
    worst = std::max(worst, std::fabs(ours[i] - theirs[i]));
    ASSERT_FALSE(std::isnan(ours[i]));
  }
  // The reference's own passes with and without cache differ by up to 1.2e-4 (golden README).
  EXPECT_LT(worst, 5e-4F);
}

INSTANTIATE_TEST_SUITE_P(Families, Golden,
                         ::testing::Values("llama", "llama_linear", "mistral", "qwen2", "qwen3",
                                           "qwen3_5"));

TEST(Generate, SamplesTheSameWithTheSameSeed) {
  const auto tokens = [](const std::string& options) {
    const auto result =
        run_tarn("generate " + golden + "llama --tokens 5,6,7 -n 12 --ignore-eos -t 1 " + options);
    EXPECT_EQ(result.status, 0) << result.err;
    return result.out;
  };
  EXPECT_EQ(tokens("--temperature 1 --seed 3"), tokens("--temperature 1 --seed 3"));
  EXPECT_NE(tokens("--temperature 1 --seed 3"), tokens("--temperature 1 --seed 4"));
  EXPECT_EQ(tokens("--temperature 1 --seed 4 --top-k 1"), tokens(""));
  // Forbidding the first greedy token changes the answer.
  const std::string greedy = tokens("");
  const std::string first = greedy.substr(0, greedy.find(','));
  EXPECT_EQ(tokens("--logit-bias " + first + ":-inf").find(first + ","), std::string::npos);
}

TEST(Generate, ReportsProbabilities) {
  const auto result =
      run_tarn("generate " + golden + "qwen3 --tokens 1,2 -n 3 --logprobs 2 --json -t 1");
  ASSERT_EQ(result.status, 0) << result.err;
  const json out = parse_json(result.out, "stdout");
  for (const json& token : out.at("logprobs")) {
    EXPECT_EQ(token.at("top").size(), 2U);
    EXPECT_EQ(token.at("token"), token.at("top")[0].at("token"));
    EXPECT_LE(token.at("logprob").get<double>(), 0);
  }
}

}  // namespace
}  // namespace tarn
