#include "tarn/plan/weight_format.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "tarn/base/error.h"
#include "tarn/compress/quantize.h"
#include "tarn/io/checkpoint.h"
#include "tarn/models/model.h"
#include "tests/io/safetensors_files.h"

namespace tarn::plan {
namespace {

const std::filesystem::path pebble = std::filesystem::path(TARN_MODELS_DIR) / "pebble";

void expect_as_loaded(const std::filesystem::path& folder) {
  const auto model = load_model(folder);
  const WeightBytes bytes =
      weight_bytes(shape_cost(model->config()), own_weight_format(model->config()));
  EXPECT_EQ(bytes.matrices, static_cast<double>(model->size().weight_bytes));
  EXPECT_EQ(bytes.per_token, static_cast<double>(model->size().bytes_per_token));
  const auto file = static_cast<double>(Checkpoint::open(folder).total_bytes());
  EXPECT_EQ(bytes.file, file);
  EXPECT_EQ(parameters(shape_cost(model->config())), static_cast<double>(model->size().parameters));
}

TEST(WeightBytes, OfPebbleAreWhatIsLoaded) { expect_as_loaded(pebble); }

class Quantized : public ::testing::TestWithParam<int> {};

TEST_P(Quantized, PanelsOfPebbleAreWhatIsLoaded) {
  const testing::TemporaryFolder folder;
  compress::Recipe recipe;
  recipe.format = quant::affine_format(GetParam(), 64);
  recipe.rules.push_back(compress::parse_rule("*.layers.1.mlp.*=affine:8:32"));
  recipe.rules.push_back(compress::parse_rule("*.layers.2.*=none"));
  compress::quantize_model(pebble, folder / "out", recipe);
  expect_as_loaded(folder / "out");
}

INSTANTIATE_TEST_SUITE_P(Bits, Quantized, ::testing::Values(2, 3, 4, 6, 8));

TEST(WeightBytes, PadRowsToPanels) {
  ShapeCost cost;
  cost.matrices.push_back({"layers.0.mlp.up_proj", 17, 128, MatrixUse::layer});
  cost.matrices.push_back({"layers.0.mlp.down_proj", 17, 96, MatrixUse::layer});  // no groups of 64
  const WeightBytes bytes = weight_bytes(cost, parse_weight_format("affine:4:64"));
  // Two panels of 16 rows, each of two groups: 16 scales and biases of 2 bytes, 64 codes of 4 bits.
  const double panels = 2 * 2 * (16 * 2 * 2 + 16 * 32);
  EXPECT_EQ(bytes.matrices, panels + 17 * 96 * 2);
  EXPECT_EQ(bytes.file, 17 * 2 * (2 * 2 + 32) + 17 * 96 * 2);
  EXPECT_EQ(bytes.layers, bytes.per_token);
}

TEST(WeightBytes, AnUntiedTableIsReadByRow) {
  ShapeCost cost;
  cost.matrices.push_back({"embed_tokens", 1000, 64, MatrixUse::embedding});
  cost.matrices.push_back({"lm_head", 1000, 64, MatrixUse::head});
  const WeightBytes bytes = weight_bytes(cost, parse_weight_format("bf16"));
  EXPECT_EQ(bytes.matrices, 2 * 1000 * 64 * 2);
  EXPECT_EQ(bytes.per_token, 1000 * 64 * 2 + 64 * 2);
}

TEST(WeightFormat, ReadsItsNames) {
  EXPECT_EQ(parse_weight_format("affine4").name, "affine:4:64");
  EXPECT_EQ(parse_weight_format("f32").dense, StorageType::f32);
  EXPECT_FALSE(parse_weight_format("bf16").quantization);
  EXPECT_THROW(parse_weight_format("affine:7:64"), Error);
  EXPECT_THROW(parse_weight_format("q9_k"), Error);
  for (const WeightFormat& format : usual_weight_formats()) {
    EXPECT_EQ(parse_weight_format(format.name).name, format.name);
  }
}

TEST(WeightFormat, OfAConfigFollowsItsOverrides) {
  const ModelConfig config = parse_model_config(
      R"({"model_type":"llama","quantization":{"group_size":64,"bits":4,
          "language_model.model.layers.0.self_attn.v_proj":{"group_size":32,"bits":8},
          "lm_head":false}})",
      "test");
  const WeightFormat format = own_weight_format(config);
  EXPECT_EQ(format.name, "affine:4:64 mixed");
  const auto of = [&](const char* module) {
    return matrix_format(format, {module, 16, 128, MatrixUse::layer});
  };
  EXPECT_EQ(of("layers.0.self_attn.v_proj")->bits, 8);
  EXPECT_EQ(of("layers.0.self_attn.v_proj")->group_size, 32);
  EXPECT_EQ(of("layers.10.self_attn.v_proj")->bits, 4);
  EXPECT_FALSE(of("lm_head"));
}

TEST(WeightFormat, WhatTarnDoesNotComputeIsSaid) {
  const ModelConfig config = parse_model_config(
      R"({"model_type":"llama","quantization":{"mode":"affine","group_size":64,"bits":1}})",
      "test");
  EXPECT_THROW(own_weight_format(config), Error);
}

}  // namespace
}  // namespace tarn::plan
