#include "tarn/compress/importance.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tarn/base/file.h"
#include "tarn/compress/quantize.h"
#include "tarn/io/checkpoint.h"
#include "tarn/io/safetensors_writer.h"
#include "tarn/models/weights.h"
#include "tarn/ops/elementwise.h"
#include "tarn/ops/embedding.h"
#include "tarn/ops/norm.h"
#include "tarn/ops/reduce.h"
#include "tests/io/safetensors_files.h"
#include "tests/support/errors.h"

namespace tarn::compress {
namespace {

namespace fs = std::filesystem;
using tarn::testing::TemporaryFolder;
using ::testing::HasSubstr;

fs::path golden(const std::string& name) { return fs::path(TARN_TEST_DATA) / "golden" / name; }

CalibrationText golden_text(size_t count) {
  CalibrationText text;
  for (size_t i = 0; i < count; ++i)
    text.tokens.push_back(static_cast<int32_t>((i * 37 + 5) % 250));
  text.window = 48;
  return text;
}

// What goes into the first layer's projections is the normed embedding: known without the model.
TEST(Importance, OfTheFirstLayerIsThatOfTheNormedEmbedding) {
  const CalibrationText text = golden_text(100);
  uint64_t seen = 0;
  const Importance importance =
      collect_importance(golden("llama"), text, [&](uint64_t done, uint64_t total) {
        EXPECT_EQ(total, 100U);
        EXPECT_GT(done, seen);
        seen = done;
      });
  EXPECT_EQ(seen, 100U);
  EXPECT_EQ(importance.tokens, 100U);
  const ModelConfig config = load_model_config(golden("llama"));
  Weights weights(golden("llama"), {});
  const array x = embedding(array(text.tokens, {100}), weights.get("embed_tokens.weight"));
  const array normed =
      rms_norm(x, weights.get_f32("layers.0.input_layernorm.weight", {config.hidden_size}),
               {.eps = static_cast<float>(config.rms_norm_eps)});
  const std::vector<float> expected = mean(square(normed), 0).to_vector<float>();
  for (const char* name : {"q_proj", "k_proj", "v_proj"}) {
    const std::vector<float>& got =
        importance.mean_squares.at(std::string("model.layers.0.self_attn.") + name);
    ASSERT_EQ(got.size(), expected.size());
    for (size_t i = 0; i < got.size(); ++i) {
      EXPECT_NEAR(got[i], expected[i], 1e-4 * std::abs(expected[i])) << name << " " << i;
    }
  }
}

TEST(Importance, CoversEveryProductOfTheModel) {
  const Importance llama = collect_importance(golden("llama"), golden_text(8));
  const Importance hybrid = collect_importance(golden("qwen3_5"), golden_text(8));
  for (const char* module : {"self_attn.o_proj", "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"}) {
    EXPECT_TRUE(llama.mean_squares.contains(std::string("model.layers.3.") + module)) << module;
  }
  EXPECT_EQ(llama.mean_squares.contains("lm_head"),
            !load_model_config(golden("llama")).tie_word_embeddings);
  size_t linear = 0;
  for (const auto& [module, values] : hybrid.mean_squares) {
    linear += module.find("linear_attn.") != std::string::npos ? 1 : 0;
    for (const float value : values) EXPECT_GE(value, 0.0F) << module;
  }
  EXPECT_EQ(linear % 5, 0U);
  EXPECT_GT(linear, 0U);
}

// The probe only looks: logits are those of a model without one, bit for bit.
TEST(Importance, LookingChangesNothing) {
  const std::vector<int32_t> tokens = golden_text(40).tokens;
  const auto logits = [&](std::shared_ptr<Probe> probe) {
    const auto model = load_model(golden("qwen3_5"), {.exact = true, .probe = std::move(probe)});
    Cache cache = model->make_cache();
    return model->forward(tokens, cache, LogitsFor::all_tokens).to_vector<float>();
  };
  EXPECT_EQ(logits(std::make_shared<Probe>()), logits(nullptr));
}

TEST(Importance, FilesComeBackAsTheyWere) {
  const TemporaryFolder folder;
  const Importance importance = collect_importance(golden("qwen2"), golden_text(20));
  write_importance(folder / "i.safetensors", importance);
  const Importance read = read_importance(folder / "i.safetensors");
  EXPECT_EQ(read.tokens, importance.tokens);
  EXPECT_EQ(read.mean_squares, importance.mean_squares);
}

TEST(Importance, BrokenFilesAreRefused) {
  const TemporaryFolder folder;
  const fs::path file = folder / "i.safetensors";
  const auto error = [&](const std::vector<float>& values, const SafetensorsMetadata& metadata) {
    SafetensorsWriter writer(
        file, {{"lm_head", StorageType::f32, {static_cast<int64_t>(values.size())}}}, metadata);
    writer.append("lm_head", std::as_bytes(std::span(values)));
    writer.finish();
    return error_of([&] { read_importance(file); });
  };
  const SafetensorsMetadata good = {{"format", "tarn.importance.1"}, {"tokens", "7"}};
  EXPECT_EQ(error({1, 0}, good), "no error");
  EXPECT_THAT(error({1, -1}, good), HasSubstr("the importance of input 1 of \"lm_head\" is -1"));
  EXPECT_THAT(error({std::numeric_limits<float>::quiet_NaN()}, good), HasSubstr("is nan"));
  EXPECT_THAT(error({1}, {{"format", "pt"}}), HasSubstr("holds no importance"));
  EXPECT_THAT(error({1}, {{"format", "tarn.importance.1"}, {"tokens", "0"}}),
              HasSubstr("lack a valid \"tokens\""));
  EXPECT_THAT(error({1}, {{"format", "tarn.importance.1"}, {"tokens", "7x"}}),
              HasSubstr("lack a valid \"tokens\""));
}

TEST(Importance, OfAnotherModelIsAnError) {
  const TemporaryFolder folder;
  Importance importance;
  importance.mean_squares["model.layers.0.self_attn.q_proj"] = {1, 2, 3};
  const Recipe recipe{quant::parse_format("lut4:32"), {parse_rule("*.down_proj=none")}};
  EXPECT_THAT(error_of([&] {
                quantize_model(golden("llama"), folder / "q", recipe, {.importance = &importance});
              }),
              HasSubstr("\"model.layers.0.self_attn.q_proj\" has 64 inputs and the importance 3"));
  importance.mean_squares.clear();
  const QuantizeReport report =
      quantize_model(golden("llama"), folder / "q", recipe, {.importance = &importance});
  EXPECT_THAT(report.warnings, ::testing::Contains(HasSubstr("the importance does not cover 2")));
}

TEST(Importance, OfNoUseToAFormatIsSaid) {
  const TemporaryFolder folder;
  const Importance importance = collect_importance(golden("llama"), golden_text(8));
  const Recipe recipe{quant::parse_format("mxfp4"), {parse_rule("*.v_proj=mxfp8")}};
  const QuantizeReport report = quantize_model(golden("llama"), folder / "q", recipe,
                                               {.importance = &importance, .allow_fallback = true});
  EXPECT_THAT(report.warnings, ::testing::Contains(HasSubstr("mxfp4: calibration does not")));
  EXPECT_THAT(report.warnings, ::testing::Contains(HasSubstr("mxfp8: calibration does not")));
  const QuantizeReport other =
      quantize_model(golden("llama"), folder / "lut", {quant::parse_format("lut4:32"), {}},
                     {.importance = &importance, .allow_fallback = true});
  EXPECT_THAT(other.warnings, ::testing::Not(::testing::Contains(HasSubstr("calibration does"))));
}

}  // namespace
}  // namespace tarn::compress
