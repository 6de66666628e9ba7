// Golden models through GGUF: to a file, run from it, and back.
#include "tarn/io/gguf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "tarn/base/error.h"
#include "tarn/compress/convert.h"
#include "tarn/io/checkpoint.h"
#include "tarn/models/gguf/config.h"
#include "tarn/models/gguf/names.h"
#include "tarn/models/model.h"
#include "tarn/quant/ggml_encode.h"
#include "tests/io/safetensors_files.h"

namespace tarn {
namespace {

using quant::GgmlType;
using testing::TemporaryFolder;

const std::vector<int32_t> tokens = {5, 17, 400, 3, 99, 256, 5, 5, 31, 8, 120, 77};

std::vector<float> logits_of(const std::filesystem::path& path) {
  const auto model = load_model(path, {.exact = true});
  Cache cache = model->make_cache();
  return model->forward(tokens, cache, LogitsFor::all_tokens).to_vector<float>();
}

double largest_difference(const std::vector<float>& a, const std::vector<float>& b) {
  EXPECT_EQ(a.size(), b.size());
  double largest = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    largest = std::max(largest, std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i])));
  }
  return largest;
}

class GgufGolden : public ::testing::TestWithParam<const char*> {
 protected:
  std::string golden = std::string(TARN_TEST_DATA) + "/golden/" + GetParam();
  TemporaryFolder folder;
};

// The same weights, but for exp(ln(x)) of the decay and what float32 loses when one is added to a
// norm's weight: 1e-3 as in golden_test.cpp bounds both.
TEST_P(GgufGolden, RunsFromABf16File) {
  compress::convert_to_gguf(golden, folder / "m.gguf", GgmlType::bf16);
  EXPECT_LT(largest_difference(logits_of(golden), logits_of(folder / "m.gguf")), 1e-3);
}

TEST_P(GgufGolden, ComesBackToTheSameBytes) {
  compress::convert_to_gguf(golden, folder / "m.gguf", GgmlType::bf16);
  compress::convert_from_gguf(folder / "m.gguf", folder / "back", StorageType::bf16);
  const Checkpoint before = Checkpoint::open(golden);
  const Checkpoint after = Checkpoint::open(folder / "back");
  for (const TensorInfo* tensor : after.tensors()) {
    const TensorInfo& original = before.tensor(tensor->name);
    EXPECT_EQ(original.shape, tensor->shape) << tensor->name;
    EXPECT_TRUE(std::ranges::equal(original.bytes, tensor->bytes)) << tensor->name;
  }
  EXPECT_LT(largest_difference(logits_of(golden), logits_of(folder / "back")), 1e-3);
}

// A quantized file and the folder of the values that it stands for give the same logits: matrices
// run quantized, as exactly as dense ones (float32 here, so that nothing is rounded again).
TEST_P(GgufGolden, RunsQuantizedAsTheValuesItStandsFor) {
  for (const GgmlType type : {GgmlType::q4_0, GgmlType::q5_1, GgmlType::q8_0, GgmlType::iq4_nl}) {
    const std::string name(quant::info(type).name);
    compress::convert_to_gguf(golden, folder / (name + ".gguf"), type);
    compress::convert_from_gguf(folder / (name + ".gguf"), folder / name, StorageType::f32);
    EXPECT_LT(largest_difference(logits_of(folder / (name + ".gguf")), logits_of(folder / name)),
              2e-3)
        << name;
  }
}

INSTANTIATE_TEST_SUITE_P(Families, GgufGolden,
                         ::testing::Values("llama", "mistral", "qwen2", "qwen3", "qwen3_5"));

// Pebble's rows fill blocks of 256: one type of each kind of panels.
TEST(GgufPebble, RunsInTypesWithScalesInTwoLevels) {
  constexpr GgmlType types[] = {GgmlType::q2_k, GgmlType::q3_k,   GgmlType::q4_k,
                                GgmlType::q6_k, GgmlType::iq4_xs, GgmlType::tq2_0};
  const TemporaryFolder folder;
  const std::string pebble = TARN_MODELS_DIR "/pebble";
  for (const quant::GgmlTypeInfo& type : quant::ggml_types()) {
    if (std::ranges::find(types, type.type) == std::end(types)) continue;
    const std::string name(type.name);
    compress::convert_to_gguf(pebble, folder / (name + ".gguf"), type.type);
    compress::convert_from_gguf(folder / (name + ".gguf"), folder / name, StorageType::f32);
    const std::vector<float> quantized = logits_of(folder / (name + ".gguf"));
    // Relative: ternary weights make logits of any size.
    float largest = 1;
    for (const float x : quantized) largest = std::max(largest, std::abs(x));
    EXPECT_LT(
        largest_difference(quantized, logits_of(folder / name)) / static_cast<double>(largest),
        1e-3)
        << name;
    std::filesystem::remove(folder / (name + ".gguf"));
    std::filesystem::remove_all(folder / name);
  }
}

TEST(GgufNames, GoBothWays) {
  for (const ModelFamily family :
       {ModelFamily::llama, ModelFamily::qwen2, ModelFamily::qwen3, ModelFamily::qwen3_5}) {
    for (const char* name :
         {"model.embed_tokens.weight", "model.norm.weight", "lm_head.weight",
          "model.layers.12.self_attn.q_proj.weight", "model.layers.0.self_attn.k_proj.bias",
          "model.layers.3.mlp.down_proj.weight",
          "model.layers.3.post_attention_layernorm.weight"}) {
      const auto gguf = gguf::gguf_name(family, name);
      ASSERT_TRUE(gguf) << name;
      EXPECT_EQ(gguf::hugging_face_name(family, *gguf), name);
    }
  }
  EXPECT_EQ(gguf::gguf_name(ModelFamily::qwen3_5, "model.layers.1.linear_attn.A_log"),
            "blk.1.ssm_a");
  EXPECT_EQ(gguf::hugging_face_name(ModelFamily::qwen3_5, "blk.1.ssm_dt.bias"),
            "model.layers.1.linear_attn.dt_bias");
  EXPECT_EQ(gguf::hugging_face_name(ModelFamily::llama, "blk.x.attn_q.weight"), std::nullopt);
  EXPECT_EQ(gguf::hugging_face_name(ModelFamily::llama, "blk.1.nothing.weight"), std::nullopt);
  EXPECT_EQ(gguf::gguf_name(ModelFamily::llama, "model.visual.x.weight"), std::nullopt);
}

TEST(GgufConfig, SaysWhatIsMissing) {
  try {
    gguf::config_json(GgufFile::open(TARN_TEST_DATA "/gguf/all_types.gguf"));
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr("lacks \"llama."));
  }
}

}  // namespace
}  // namespace tarn
