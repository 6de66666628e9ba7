// Counts against published numbers, reference checkpoints and the models that Tarn loads.
#include "tarn/plan/shape_cost.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "tarn/base/file.h"
#include "tarn/base/json.h"
#include "tarn/models/model.h"
#include "tarn/plan/shapes.h"

namespace tarn::plan {
namespace {

ModelConfig config_of(std::string_view name) {
  const NamedShape* shape = find_shape(name);
  if (shape == nullptr) throw std::runtime_error(std::string(name));
  return parse_model_config(shape->config, shape->name);
}

struct Published {
  const char* name;
  double parameters;
};

class PublishedCount : public testing::TestWithParam<Published> {};

// What the makers' checkpoints hold (of multimodal ones the text model, without its extra layers).
TEST_P(PublishedCount, IsMet) {
  EXPECT_EQ(parameters(shape_cost(config_of(GetParam().name))), GetParam().parameters);
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, PublishedCount,
    testing::Values(Published{"llama-3.1-8b", 8'030'261'248},
                    Published{"llama-3.1-70b", 70'553'706'496},
                    Published{"llama-3.1-405b", 405'853'388'800},
                    Published{"llama-3.2-1b", 1'235'814'400},
                    Published{"llama-3.2-3b", 3'212'749'824}, Published{"qwen3-0.6b", 596'049'920},
                    Published{"qwen3-1.7b", 1'720'574'976}, Published{"qwen3-4b", 4'022'468'096},
                    Published{"qwen3-8b", 8'190'735'360}, Published{"qwen3-14b", 14'768'307'200},
                    Published{"qwen3-32b", 32'762'123'264}, Published{"qwen2.5-7b", 7'615'616'512},
                    Published{"mistral-7b-v0.3", 7'248'023'552},
                    Published{"qwen3.5-0.8b", 752'393'024}, Published{"qwen3.5-9b", 8'953'803'264}),
    [](const auto& one) {
      std::string name = one.param.name;
      for (char& c : name) c = std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
      return name;
    });

TEST(Shapes, AllAreRead) {
  std::string before;
  for (const NamedShape& shape : named_shapes()) {
    EXPECT_GT(shape.name, before);
    before = shape.name;
    const ShapeCost cost = shape_cost(config_of(shape.name));
    EXPECT_GT(parameters(cost), 5e8) << shape.name;
    EXPECT_LT(layer_parameters(cost), parameters(cost)) << shape.name;
  }
  EXPECT_EQ(find_shape("llama"), nullptr);
}

class Golden : public testing::TestWithParam<const char*> {
 protected:
  std::filesystem::path folder() const {
    return std::filesystem::path(TARN_TEST_DATA) / "golden" / GetParam();
  }
};

TEST_P(Golden, ParametersAreThoseOfTheReference) {
  const std::string path = (folder() / "meta.json").string();
  const json meta = parse_json(read_file(path), path);
  EXPECT_EQ(parameters(shape_cost(load_model_config(folder()))), meta.at("params").get<double>());
}

// Each cache has a window or none, a recurrent state or none: together they are all kinds.
TEST_P(Golden, CacheBytesAreThoseOfTheEngine) {
  const auto model = load_model(folder());
  const ShapeCost cost = shape_cost(model->config());
  Cache cache = model->make_cache();
  std::vector<int32_t> tokens;
  for (int32_t i = 0; i < 11; ++i) tokens.push_back(i);  // fewer than any window
  model->forward(tokens, cache, LogitsFor::last_token).wait();
  eval(cache.arrays());
  EXPECT_EQ(kv_bytes(cost, default_kv, 11) + state_bytes(cost),
            static_cast<double>(cache.nbytes()));
}

INSTANTIATE_TEST_SUITE_P(Models, Golden,
                         testing::Values("llama", "llama_linear", "mistral", "qwen2", "qwen3",
                                         "qwen3_5"));

ShapeCost one_attention_layer(int64_t window) {
  ShapeCost cost;
  cost.attention.push_back({.heads = 4, .kv_heads = 2, .head_dim = 8, .window = window});
  return cost;
}

TEST(AttentionMacs, AreTheSumOverPositions) {
  for (const int64_t window : {0, 1, 5, 30}) {
    const ShapeCost cost = one_attention_layer(window);
    for (const int first : {0, 3, 17}) {
      for (const int count : {1, 4, 20}) {
        double seen = 0;
        for (int p = first; p < first + count; ++p) {
          seen += window == 0 ? p + 1 : std::min<double>(p + 1, static_cast<double>(window));
        }
        EXPECT_EQ(attention_macs(cost, first, count), 2 * 4 * 8 * seen)
            << window << " " << first << " " << count;
      }
    }
  }
}

TEST(KvBytes, FollowTypeAndWindow) {
  const ShapeCost full = one_attention_layer(0);
  // 10 tokens x 2 (keys, values) x 2 heads x 8 values.
  EXPECT_EQ(kv_bytes(full, KvType::f32, 10), 320 * 4);
  EXPECT_EQ(kv_bytes(full, KvType::bf16, 10), 320 * 2);
  EXPECT_EQ(kv_bytes(full, KvType::int8, 10), 40 * (32 + 2));  // heads fill up to a group of 32
  EXPECT_EQ(kv_bytes(full, KvType::int4, 10), 40 * (16 + 4));
  EXPECT_EQ(kv_bytes(one_attention_layer(4), KvType::f32, 10), 128 * 4);
  EXPECT_EQ(kv_capacity_bytes(full, KvType::f32, 257), 512 * 32 * 4);  // two blocks
}

TEST(Recurrent, CountsStateAndWork) {
  ShapeCost cost;
  cost.recurrent.push_back({.value_heads = 3,
                            .key_head_dim = 4,
                            .value_head_dim = 5,
                            .conv_channels = 7,
                            .conv_taps = 4});
  EXPECT_EQ(state_bytes(cost), (3 * 4 * 5 + 7 * 3) * 4);
  EXPECT_EQ(recurrent_macs(cost), 4 * 3 * 4 * 5 + 7 * 4);
}

// The largest values that config.json may hold.
TEST(ShapeCost, HugeShapesStayFinite) {
  const ModelConfig config = parse_model_config(
      R"({"model_type":"llama","hidden_size":1048576,"intermediate_size":16777216,
          "num_hidden_layers":4096,"num_attention_heads":4096,"num_key_value_heads":4096,
          "head_dim":8192,"vocab_size":67108864,"max_position_embeddings":1099511627776})",
      "test");
  const ShapeCost cost = shape_cost(config);
  EXPECT_GT(parameters(cost), 1e17);
  EXPECT_TRUE(std::isfinite(kv_bytes(cost, KvType::f32, 1e12)));
  EXPECT_TRUE(std::isfinite(attention_macs(cost, 0, 1e12)));
}

}  // namespace
}  // namespace tarn::plan
