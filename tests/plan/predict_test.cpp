#include "tarn/plan/predict.h"

#include <gtest/gtest.h>

#include "tarn/plan/shapes.h"

namespace tarn::plan {
namespace {

ModelConfig config_of(std::string_view name) {
  return parse_model_config(find_shape(name)->config, name);
}

PlannedModel planned(std::string_view name, std::string_view format, KvType kv = KvType::f32) {
  return {config_of(name), parse_weight_format(format), kv};
}

// Round numbers, so that expectations can be counted by hand.
Device machine() {
  Device device;
  device.bandwidth = 50e9;
  device.memory = 16e9;
  device.int8 = 1e12;
  device.f32 = 0.25e12;
  device.measured = true;
  return device;
}

constexpr Efficiency ideal{.bandwidth = 1,
                           .published_bandwidth = 0.5,
                           .matmul = 1,
                           .attention = 1,
                           .recurrent = 1,
                           .step_seconds = 0};

TEST(Decode, TakesTheTimeToMoveItsBytes) {
  const PlannedModel model = planned("llama-3.1-8b", "bf16");
  // All but the embedding's rows, norms not counted: 8.03 B less 128256 x 4096 values of 2 bytes.
  const TokenBytes bytes = token_bytes(model, 1000);
  EXPECT_EQ(bytes.weights, 2.0 * (8'030'261'248.0 - 128'256.0 * 4096 - 65 * 4096) + 2 * 4096);
  EXPECT_EQ(bytes.kv, 1000.0 * 32 * 2 * 8 * 128 * 4);
  EXPECT_EQ(bytes.state, 0);
  EXPECT_DOUBLE_EQ(decode_seconds(model, machine(), ideal, 1000, 1), bytes.total() / 50e9);
  Device published = machine();
  published.measured = false;
  EXPECT_DOUBLE_EQ(decode_seconds(model, published, ideal, 1000, 1), bytes.total() / 25e9);
  Efficiency slow = ideal;
  slow.step_seconds = 1;
  EXPECT_DOUBLE_EQ(decode_seconds(model, machine(), slow, 1000, 1), bytes.total() / 50e9 + 1);
}

TEST(Decode, StatesAreReadAndWritten) {
  const PlannedModel model = planned("qwen3.5-0.8b", "affine:4:64");
  // 18 layers of 16 heads of 128 x 128, and three inputs of the convolution over 6144 channels.
  EXPECT_EQ(token_bytes(model, 0).state, 2 * 18.0 * 4 * (16 * 128 * 128 + 3 * 6144));
  EXPECT_EQ(token_bytes(model, 100).kv, 100 * 6.0 * 2 * 2 * 256 * 4);
}

TEST(Decode, ABatchSharesTheWeights) {
  const PlannedModel model = planned("qwen3-0.6b", "bf16", KvType::bf16);
  Device device = machine();
  device.f32 = device.int8 = 1e18;  // only reading counts
  const TokenBytes bytes = token_bytes(model, 512);
  EXPECT_DOUBLE_EQ(decode_seconds(model, device, ideal, 512, 8),
                   (bytes.weights + 8 * bytes.kv) / 50e9);
  device.f32 = device.half = 1e9;  // only arithmetic counts
  EXPECT_NEAR(decode_seconds(model, device, ideal, 512, 8),
              8 * decode_seconds(model, device, ideal, 512, 1), 1e-9);
  EXPECT_TRUE(predict(model, device, ideal, {.batch = 8}, 4096).decode_computes);
}

TEST(Prefill, DenseProductsRunAtTheRateOfTheirType) {
  Device device = machine();
  device.f32 = 0.25e12;
  device.half = 0.5e12;
  const auto seconds = [&](const char* format, KvType kv) {
    const PlannedModel model = planned("llama-3.2-1b", format, kv);
    const double attention = attention_macs(model.cost, 0, 512);
    return *prefill_seconds(model, device, ideal, 0, 512) - attention / 0.5e12;
  };
  EXPECT_NEAR(seconds("bf16", KvType::f32), 2 * seconds("bf16", KvType::bf16), 1e-9);
  EXPECT_NEAR(seconds("f16", KvType::bf16), 2 * seconds("bf16", KvType::bf16), 1e-9);
}

TEST(Prefill, TakesTheTimeOfItsProducts) {
  const PlannedModel dense = planned("llama-3.2-1b", "bf16");
  const double layers = layer_parameters(dense.cost);
  const double head = 128'256.0 * 2048;
  EXPECT_EQ(dense.dense_macs, layers);
  EXPECT_EQ(dense.head_macs, head);
  const double attention = attention_macs(dense.cost, 0, 512);
  EXPECT_EQ(attention, 16 * 2.0 * 32 * 64 * (512 * 513.0 / 2));
  EXPECT_DOUBLE_EQ(*prefill_seconds(dense, machine(), ideal, 0, 512),
                   (512 * layers + head + attention) / 0.25e12);
  const PlannedModel quantized = planned("llama-3.2-1b", "affine:4:64");
  EXPECT_EQ(quantized.quantized_macs, layers);
  EXPECT_EQ(quantized.dense_macs, 0);
  EXPECT_DOUBLE_EQ(*prefill_seconds(quantized, machine(), ideal, 0, 512),
                   (512 * layers + head) / 1e12 + attention / 0.25e12);
  // A prompt of one token is bound by reading, as decode is.
  EXPECT_NEAR(*prefill_seconds(quantized, machine(), ideal, 0, 1),
              decode_seconds(quantized, machine(), ideal, 1, 1), 1e-6);
}

TEST(Prefill, IsUnknownWhereArithmeticIs) {
  const PlannedModel model = planned("llama-3.2-1b", "bf16");
  Device device = machine();
  device.f32 = 0;
  EXPECT_FALSE(prefill_seconds(model, device, ideal, 0, 512));
  const Prediction prediction = predict(model, device, ideal, {}, 131072);
  EXPECT_FALSE(prediction.prefill_rate);
  EXPECT_GT(prediction.decode_rate, 0);
}

TEST(Predict, TheLargestContextJustFits) {
  Device device = machine();
  device.memory = 8e9;
  for (const KvType kv : {KvType::f32, KvType::int8}) {
    for (const int64_t batch : {1, 3}) {
      const PlannedModel model = planned("llama-3.1-8b", "affine:4:64", kv);
      const Workload workload{.context = 1024, .prompt = 512, .batch = batch};
      const Prediction prediction = predict(model, device, {}, workload, 131072);
      EXPECT_TRUE(prediction.fits);
      ASSERT_GT(prediction.max_context, 1024);
      ASSERT_LT(prediction.max_context, 131072);
      Workload largest = workload;
      largest.context = prediction.max_context;
      EXPECT_LE(footprint(model, largest).total(), usable_memory(device));
      ++largest.context;
      EXPECT_GT(footprint(model, largest).total(), usable_memory(device));
    }
  }
}

TEST(Predict, SaysWhatDoesNotFit) {
  const Prediction none =
      predict(planned("llama-3.1-405b", "affine:4:64"), find_device("RTX-4090"), {}, {}, 131072);
  EXPECT_FALSE(none.fits);
  EXPECT_EQ(none.max_context, 0);
  const Prediction all =
      predict(planned("qwen3-0.6b", "bf16"), find_device("h100-sxm"), {}, {}, 40960);
  EXPECT_TRUE(all.fits);
  EXPECT_EQ(all.max_context, 40960);
}

TEST(Predict, FewerBitsAreFasterAndSmaller) {
  const Device device = find_device("m4-max");
  double rate = 0;
  double bytes = 1e18;
  for (const WeightFormat& format : usual_weight_formats()) {
    const PlannedModel model(config_of("llama-3.1-70b"), format, KvType::int8);
    const Prediction prediction = predict(model, device, {}, {}, 131072);
    EXPECT_GT(prediction.decode_rate, rate) << format.name;
    EXPECT_LT(prediction.memory.total(), bytes) << format.name;
    rate = prediction.decode_rate;
    bytes = prediction.memory.total();
  }
}

}  // namespace
}  // namespace tarn::plan
