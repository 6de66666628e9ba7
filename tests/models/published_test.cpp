// Checkpoints in 8- and 4-bit floats, as their makers publish them, against the same model with
// the same weights as float32.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <map>

#include "tarn/base/file.h"
#include "tarn/base/half.h"
#include "tarn/io/safetensors.h"
#include "tarn/io/safetensors_writer.h"
#include "tarn/models/model.h"
#include "tarn/models/stored_matrix.h"
#include "tarn/quant/codec_block_float.h"
#include "tarn/quant/codec_fp8.h"
#include "tests/io/safetensors_files.h"
#include "tests/support/errors.h"

namespace tarn {
namespace {

constexpr float nvfp4_tensor_scale = 0.25F;

using testing::TemporaryFolder;
using Bytes = std::vector<std::byte>;

struct Tensor {
  StorageType type;
  std::vector<int64_t> shape;
  Bytes bytes;
};
using Tensors = std::map<std::string, Tensor>;

void write_model(const std::filesystem::path& folder, const Tensors& tensors,
                 const std::string& quantization) {
  std::filesystem::create_directories(folder);
  std::vector<TensorSpec> specs;
  for (const auto& [name, tensor] : tensors) specs.push_back({name, tensor.type, tensor.shape});
  SafetensorsWriter writer(folder / "model.safetensors", specs);
  for (const auto& [name, tensor] : tensors) writer.append(name, tensor.bytes);
  writer.finish();
  std::string config = read_file(TARN_TEST_DATA "/golden/qwen3/config.json");
  if (!quantization.empty()) {
    config.insert(config.rfind('}'), fmt::format(",\"quantization_config\":{}", quantization));
  }
  std::ofstream(folder / "config.json") << config;
}

std::vector<float> floats_of(const TensorInfo& info) {
  std::vector<float> values(info.element_count());
  for (size_t i = 0; i < values.size(); ++i) {
    bfloat16 value;
    std::memcpy(&value, info.bytes.data() + i * sizeof(value), sizeof(value));
    values[i] = to_float(value);
  }
  return values;
}

// Null: weights with so many columns stay as they are.
using MakeCodec = std::shared_ptr<const quant::Codec> (*)(size_t columns);

// The golden model twice: its linear layers in the codec's parts, and what these stand for.
struct Pair {
  Tensors stored;
  Tensors dense;
};
Pair make_pair_of(MakeCodec make_codec, const char* tensor_scale) {
  Pair pair;
  const auto file = SafetensorsFile::open(TARN_TEST_DATA "/golden/qwen3/model.safetensors");
  for (const TensorInfo& info : file.tensors()) {
    const Tensor as_it_is{info.type, info.shape, Bytes(info.bytes.begin(), info.bytes.end())};
    const auto codec = info.name.ends_with("_proj.weight")
                           ? make_codec(static_cast<size_t>(info.shape[1]))
                           : nullptr;
    if (!codec) {
      pair.stored[info.name] = pair.dense[info.name] = as_it_is;
      continue;
    }
    const auto rows = static_cast<size_t>(info.shape[0]);
    const auto columns = static_cast<size_t>(info.shape[1]);
    const std::vector<float> weights = floats_of(info);
    std::vector<Bytes> parts;
    std::vector<std::byte*> to;
    for (const quant::Part& part : codec->parts(rows, columns)) parts.emplace_back(part.bytes());
    for (Bytes& part : parts) to.push_back(part.data());
    codec->encode(rows, columns, weights.data(), nullptr, 0, rows, to);
    Bytes decoded(rows * columns * sizeof(float));
    codec->decode(rows, columns, std::vector<const std::byte*>(to.begin(), to.end()), 0, rows,
                  reinterpret_cast<float*>(decoded.data()));
    pair.dense[info.name] = {StorageType::f32, info.shape, decoded};
    const std::string module = info.name.substr(0, info.name.size() - 6);
    size_t i = 0;
    for (const quant::Part& part : codec->parts(rows, columns)) {
      std::vector<int64_t> shape{static_cast<int64_t>(part.rows)};
      if (part.columns != 0) shape.push_back(static_cast<int64_t>(part.columns));
      pair.stored[module + std::string(part.name)] = {storage_type(part.type), shape, parts[i++]};
    }
    if (tensor_scale != nullptr) {
      Bytes bytes(sizeof(nvfp4_tensor_scale));
      std::memcpy(bytes.data(), &nvfp4_tensor_scale, sizeof(nvfp4_tensor_scale));
      pair.stored[module + tensor_scale] = {StorageType::f32, {}, bytes};
    }
  }
  return pair;
}

std::vector<float> logits_of(const std::filesystem::path& folder) {
  const auto model = load_model(folder, {.exact = true});
  Cache cache = model->make_cache();
  return model->forward({5, 100, 7, 42, 300, 8}, cache, LogitsFor::all_tokens).to_vector<float>();
}

struct Layout {
  const char* name;
  const char* quantization;
  MakeCodec make_codec;
  const char* tensor_scale = nullptr;
};

class Published : public ::testing::TestWithParam<Layout> {};

// Rows of 112 inputs fill no panels: they are expanded.
int group_of(size_t columns) { return columns % 32 == 0 ? 32 : 0; }

// The products sum in another order than those of dense weights.
TEST_P(Published, ComputesWithTheWeightsItStandsFor) {
  const Pair pair = make_pair_of(GetParam().make_codec, GetParam().tensor_scale);
  const TemporaryFolder folder;
  write_model(folder / "stored", pair.stored, GetParam().quantization);
  write_model(folder / "dense", pair.dense, "");
  const std::vector<float> stored = logits_of(folder / "stored");
  const std::vector<float> dense = logits_of(folder / "dense");
  ASSERT_EQ(stored.size(), dense.size());
  for (size_t i = 0; i < stored.size(); ++i) ASSERT_NEAR(stored[i], dense[i], 2e-5F) << i;
}

INSTANTIATE_TEST_SUITE_P(
    Layouts, Published,
    ::testing::Values(
        Layout{
            "blocks", R"({"quant_method":"fp8","weight_block_size":[128,128]})",
            [](size_t columns) {
              return quant::make_fp8_codec({128, 128}, quant::ScaleType::bf16, group_of(columns));
            }},
        Layout{"small_blocks", R"({"quant_method":"fp8","weight_block_size":[32,32]})",
               [](size_t columns) {
                 return quant::make_fp8_codec({32, 32}, quant::ScaleType::f32, group_of(columns));
               }},
        Layout{"rows", R"({"quant_method":"compressed-tensors","format":"float-quantized"})",
               [](size_t columns) {
                 return quant::make_fp8_codec({1, 0}, quant::ScaleType::bf16, group_of(columns),
                                              "weight_scale");
               }},
        Layout{"matrix", R"({"quant_method":"modelopt","quant_algo":"FP8"})",
               [](size_t columns) {
                 return quant::make_fp8_codec({0, 0}, quant::ScaleType::f32, group_of(columns),
                                              "weight_scale");
               }},
        Layout{"nvfp4", R"({"quant_method":"modelopt","quant_algo":"NVFP4"})",
               [](size_t columns) {
                 return columns % 32 == 0
                            ? quant::make_nvfp4_codec({.tensor_scale = nvfp4_tensor_scale})
                            : nullptr;
               },
               "weight_scale_2"}),
    [](const auto& layout) { return std::string(layout.param.name); });

TEST(PublishedQuantization, MatricesWithoutScalesAreDense) {
  Pair pair = make_pair_of(
      [](size_t columns) {
        return quant::make_fp8_codec({128, 128}, quant::ScaleType::f32, group_of(columns));
      },
      nullptr);
  const std::string module = "model.layers.0.mlp.up_proj.";
  pair.stored.erase(module + "weight_scale_inv");
  pair.stored[module + "weight"] = pair.dense[module + "weight"];
  const TemporaryFolder folder;
  write_model(folder / "stored", pair.stored,
              R"({"quant_method":"fp8","modules_to_not_convert":["model.layers.0.mlp.up_proj"]})");
  write_model(folder / "dense", pair.dense, "");
  const std::vector<float> stored = logits_of(folder / "stored");
  const std::vector<float> dense = logits_of(folder / "dense");
  for (size_t i = 0; i < stored.size(); ++i) ASSERT_NEAR(stored[i], dense[i], 2e-5F) << i;
}

TEST(PublishedQuantization, ScalesMustFit) {
  Pair pair = make_pair_of(
      [](size_t columns) {
        return quant::make_fp8_codec({128, 128}, quant::ScaleType::f32, group_of(columns));
      },
      nullptr);
  pair.stored["model.layers.1.mlp.up_proj.weight_scale_inv"] = {
      StorageType::f32, {3, 1}, Bytes(12)};
  const TemporaryFolder folder;
  write_model(folder / "m", pair.stored, R"({"quant_method":"fp8"})");
  EXPECT_THAT(error_of([&] { load_model(folder / "m"); }),
              ::testing::AllOf(::testing::HasSubstr("layers.1.mlp.up_proj.weight_scale_inv"),
                               ::testing::HasSubstr("[3, 1]")));
}

}  // namespace
}  // namespace tarn
