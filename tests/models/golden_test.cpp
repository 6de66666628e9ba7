// Every golden folder of the supported families against the logits that transformers computed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "tarn/cpu/isa/isa.h"
#include "tarn/io/safetensors.h"
#include "tarn/models/model.h"

namespace tarn {
namespace {

template <typename T>
std::vector<T> tensor(const SafetensorsFile& file, const char* name) {
  const std::span<const std::byte> bytes = file.tensor(name).bytes;
  const T* values = reinterpret_cast<const T*>(bytes.data());
  return {values, values + bytes.size() / sizeof(T)};
}

float max_difference(const std::vector<float>& a, const std::vector<float>& b) {
  EXPECT_EQ(a.size(), b.size());
  float largest = 0.0F;
  for (size_t i = 0; i < a.size(); ++i) {
    if (!(std::abs(a[i] - b[i]) <= largest)) largest = std::abs(a[i] - b[i]);
  }
  return largest;
}

class Golden : public testing::TestWithParam<const char*> {
 protected:
  std::string folder() const { return std::string(TARN_TEST_DATA) + "/golden/" + GetParam(); }
  SafetensorsFile expected() const {
    return SafetensorsFile::open(folder() + "/expected.safetensors");
  }
};

// 1e-3 is what the reference's own summation order can move (its cached and uncached passes differ
// by 1.2e-4 on the hybrid); most folders stay below 2e-5.
TEST_P(Golden, LogitsMatchTheReference) {
  const auto model = load_model(folder(), {.exact = true});
  const SafetensorsFile reference = expected();
  Cache cache = model->make_cache();
  const array logits =
      model->forward(tensor<int32_t>(reference, "input_ids"), cache, LogitsFor::all_tokens);
  const float difference =
      max_difference(logits.to_vector<float>(), tensor<float>(reference, "logits"));
  RecordProperty("max_difference", std::to_string(difference));
  EXPECT_LT(difference, 1e-3F);
}

// The same bound: instruction sets differ in the order of their sums.
TEST_P(Golden, EveryInstructionSetMatchesTheReference) {
  const SafetensorsFile reference = expected();
  for (const cpu::Isa isa : cpu::available_isas()) {
    cpu::set_isa(isa);
    const auto model = load_model(folder(), {.exact = true});
    Cache cache = model->make_cache();
    const array logits =
        model->forward(tensor<int32_t>(reference, "input_ids"), cache, LogitsFor::all_tokens);
    EXPECT_LT(max_difference(logits.to_vector<float>(), tensor<float>(reference, "logits")), 1e-3F)
        << cpu::name(isa);
  }
  cpu::set_isa(cpu::best_isa());
}

TEST_P(Golden, GreedyContinuationIsIdentical) {
  const auto model = load_model(folder(), {.exact = true});
  const SafetensorsFile reference = expected();
  Cache cache = model->make_cache();
  array logits =
      model->forward(tensor<int32_t>(reference, "input_ids"), cache, LogitsFor::last_token);
  const std::vector<int32_t> greedy = tensor<int32_t>(reference, "greedy");
  for (size_t i = 0; i < greedy.size(); ++i) {
    const std::vector<float> values = logits.to_vector<float>();
    const auto best =
        static_cast<int32_t>(std::max_element(values.begin(), values.end()) - values.begin());
    ASSERT_EQ(best, greedy[i]) << "token " << i;
    logits = model->forward({best}, cache, LogitsFor::last_token);
  }
}

TEST_P(Golden, ChunksGiveTheSameBitsAsOnePass) {
  const auto model = load_model(folder(), {.exact = true});
  const std::vector<int32_t> ids = tensor<int32_t>(expected(), "input_ids");
  Cache whole_cache = model->make_cache();
  const std::vector<float> whole =
      model->forward(ids, whole_cache, LogitsFor::last_token).to_vector<float>();
  Cache cache = model->make_cache();
  cache.expect(static_cast<int64_t>(ids.size()));
  std::vector<float> last;
  size_t at = 0;
  for (const size_t count : {1UL, 7UL, 16UL, 3UL, ids.size()}) {
    const size_t end = std::min(at + count, ids.size());
    const std::vector<int32_t> part(ids.begin() + static_cast<long>(at),
                                    ids.begin() + static_cast<long>(end));
    last = model->forward(part, cache, LogitsFor::last_token).to_vector<float>();
    at = end;
  }
  EXPECT_EQ(last, whole);
}

// Every prompt length: shapes meet that could take each other's buffers.
TEST_P(Golden, PromptsOfAnyLengthEqualSingleSteps) {
  const auto model = load_model(folder(), {.exact = true});
  const std::vector<int32_t> ids = tensor<int32_t>(expected(), "input_ids");
  Cache steps = model->make_cache();
  for (size_t count = 1; count <= ids.size(); ++count) {
    const array step = model->forward({ids[count - 1]}, steps, LogitsFor::last_token);
    Cache cache = model->make_cache();
    const std::vector<int32_t> prompt(ids.begin(), ids.begin() + static_cast<long>(count));
    const array whole = model->forward(prompt, cache, LogitsFor::last_token);
    ASSERT_EQ(whole.to_vector<float>(), step.to_vector<float>()) << count << " tokens";
  }
}

INSTANTIATE_TEST_SUITE_P(Families, Golden,
                         testing::Values("llama", "llama_linear", "mistral", "qwen2", "qwen3",
                                         "qwen3_5"),
                         [](const auto& test) { return std::string(test.param); });

TEST(GoldenText, MultimodalCheckpointRunsAsTextAndSaysWhatWasLeftOut) {
  testing::internal::CaptureStderr();
  const auto model =
      load_model(std::string(TARN_TEST_DATA) + "/golden/qwen3_5_vl", {.exact = true});
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              testing::HasSubstr("left out: model.visual.* ("));
  Cache cache = model->make_cache();
  const std::vector<float> logits =
      model->forward({1, 2, 3}, cache, LogitsFor::last_token).to_vector<float>();
  EXPECT_TRUE(std::all_of(logits.begin(), logits.end(), [](float x) { return std::isfinite(x); }));
}

}  // namespace
}  // namespace tarn
