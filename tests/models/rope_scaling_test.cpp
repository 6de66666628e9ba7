#include "tarn/models/rope_scaling.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "tarn/base/file.h"
#include "tarn/base/json.h"
#include "tarn/models/config.h"
#include "tests/io/safetensors_files.h"

namespace tarn {
namespace {

using testing::expect_error;

// Both sides compute in float32 in the same order, so most values are equal; a power rounded the
// other way moves one by an ulp, at most 1.2e-7, and the interpolations add as much again.
constexpr double kTolerance = 2.5e-7;

TEST(RopeFrequencies, AgreeWithTransformers) {
  const std::string path = TARN_TEST_DATA "/models/rope_reference.json";
  const json reference = parse_json(read_file(path), path);
  ASSERT_GE(reference.at("cases").size(), 30U);
  for (const json& test : reference.at("cases")) {
    SCOPED_TRACE(test.at("name").get<std::string>());
    const ModelConfig config = parse_model_config(test.at("config").dump(), "config.json");
    const RopeFrequencies got =
        rope_frequencies(config.rope, config.head_dim, config.max_position_embeddings,
                         test.at("seq_len").get<int64_t>());
    const auto expected = test.at("inv_freq").get<std::vector<double>>();
    ASSERT_EQ(got.inv_freq.size(), expected.size());
    for (size_t i = 0; i < expected.size(); ++i) {
      EXPECT_NEAR(got.inv_freq[i] / expected[i], 1.0, kTolerance) << "at frequency " << i;
    }
    EXPECT_NEAR(got.attention_scaling, test.at("attention_scaling").get<double>(), kTolerance);
  }
}

TEST(RopeFrequencies, OnlyDynamicAndLongropeDependOnTheLength) {
  RopeConfig rope{.factor = 2.0, .original_max_position_embeddings = 64};
  rope.short_factor.assign(8, 1.0);
  rope.long_factor.assign(8, 3.0);
  for (const RopeType type : {RopeType::standard, RopeType::linear, RopeType::dynamic,
                              RopeType::yarn, RopeType::llama3, RopeType::longrope}) {
    rope.type = type;
    const auto near = rope_frequencies(rope, 16, 128, 10);
    const auto far = rope_frequencies(rope, 16, 128, 1000);
    EXPECT_EQ(near.inv_freq != far.inv_freq, rope_depends_on_length(rope)) << rope_type_name(type);
  }
}

TEST(RopeFrequencies, RefusesParametersThatDoNotFit) {
  constexpr auto code = ErrorCode::invalid_argument;
  RopeConfig rope;
  expect_error(code, {"cannot rotate 15 of 15 dimensions"},
               [&] { rope_frequencies(rope, 15, 64, 0); });
  rope.partial_rotary_factor = 0.01;
  expect_error(code, {"cannot rotate 0 of 64"}, [&] { rope_frequencies(rope, 64, 64, 0); });
  rope = {.type = RopeType::dynamic, .factor = 2.0};
  expect_error(code, {"dynamic cannot rotate 2 of 2"}, [&] { rope_frequencies(rope, 2, 64, 0); });
  rope = {.type = RopeType::yarn,
          .partial_rotary_factor = 0.25,
          .factor = 2.0,
          .original_max_position_embeddings = 32};
  expect_error(code, {"yarn cannot rotate 5 of 20"}, [&] { rope_frequencies(rope, 20, 64, 0); });
  rope = {.type = RopeType::llama3, .factor = 2.0};
  expect_error(code, {"original_max_position_embeddings"},
               [&] { rope_frequencies(rope, 16, 64, 0); });
  rope = {
      .type = RopeType::longrope, .original_max_position_embeddings = 32, .short_factor = {1.0}};
  expect_error(code, {"1 short factors", "needs 8"}, [&] { rope_frequencies(rope, 16, 64, 0); });
  expect_error(code, {"0 long factors"}, [&] { rope_frequencies(rope, 16, 64, 33); });
  rope = {
      .type = RopeType::yarn, .theta = 1.0, .factor = 2.0, .original_max_position_embeddings = 1};
  rope.type = RopeType::longrope;  // log(original) is 0
  rope.short_factor.assign(8, 1.0);
  expect_error(code, {"not finite"}, [&] { rope_frequencies(rope, 16, 64, 0); });
}

}  // namespace
}  // namespace tarn
