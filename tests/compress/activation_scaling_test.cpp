#include "tarn/compress/activation_scaling.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "tarn/compress/matrix_source.h"
#include "tarn/compress/quantize.h"
#include "tarn/io/safetensors_writer.h"
#include "tarn/models/model.h"
#include "tarn/ops/elementwise.h"
#include "tests/io/safetensors_files.h"
#include "tests/support/errors.h"

namespace tarn::compress {
namespace {

namespace fs = std::filesystem;
using tarn::testing::TemporaryFolder;
using ::testing::HasSubstr;

fs::path golden(const std::string& name) { return fs::path(TARN_TEST_DATA) / "golden" / name; }

std::vector<float> logits(const fs::path& folder) {
  const auto model = load_model(folder, {.exact = true});
  Cache cache = model->make_cache();
  std::vector<int32_t> ids;
  for (int32_t i = 0; i < 40; ++i) ids.push_back((i * 37 + 5) % 250);
  return model->forward(ids, cache, LogitsFor::all_tokens).to_vector<float>();
}

float most_apart(const std::vector<float>& a, const std::vector<float>& b) {
  EXPECT_EQ(a.size(), b.size());
  float most = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    if (!(std::abs(a[i] - b[i]) <= most)) most = std::abs(a[i] - b[i]);
  }
  return most;
}

// A golden model with what scale_groups finds in it.
struct Source {
  explicit Source(const std::string& name)
      : config(load_model_config(golden(name))),
        checkpoint(Checkpoint::open(golden(name))),
        plan(plan_modules(checkpoint, config, {quant::parse_format("affine:4:32"), {}})),
        groups(scale_groups(checkpoint, config, plan)) {}
  ModelConfig config;
  Checkpoint checkpoint;
  std::vector<PlannedTensor> plan;
  std::vector<ScaleGroup> groups;
};

const std::vector<float>* find(const std::map<std::string, std::vector<float>>& of,
                               const std::string& name) {
  const auto found = of.find(name);
  return found == of.end() ? nullptr : &found->second;
}

// The dense model with its matrices scaled, as float32; vectors in the type that they had.
void write_scaled(const Source& source, const ActivationScaling& scaling, const fs::path& out) {
  std::vector<TensorSpec> specs;
  for (const TensorInfo* info : source.checkpoint.tensors()) {
    specs.push_back(
        {info->name, info->shape.size() == 2 ? StorageType::f32 : info->type, info->shape});
  }
  CheckpointWriter writer(out, specs);
  for (const PlannedTensor& planned : source.plan) {
    const TensorInfo& info = *planned.info;
    if (info.shape.size() == 2) {
      const array values =
          scaled_rows(info, 0, info.shape[0],
                      {find(scaling.columns, planned.module), find(scaling.rows, planned.module)});
      eval({values});
      writer.append(info.name, bytes_of(values));
    } else if (const std::vector<float>* vector = find(scaling.vectors, info.name)) {
      const array stored = astype(array(*vector, {info.shape[0]}), Dtype::bf16);
      eval({stored});
      EXPECT_EQ(astype(stored, Dtype::f32).to_vector<float>(), *vector) << info.name;
      writer.append(info.name, bytes_of(stored));
    } else {
      writer.append(info.name, info.bytes);
    }
  }
  writer.finish();
}

class Scaling : public ::testing::TestWithParam<const char*> {};

// Whatever the scales, only the order of roundings in float32 differs: the bound of
// models/golden_test.cpp.
TEST_P(Scaling, ChangesNothingThatTheModelComputes) {
  const TemporaryFolder folder;
  const Source source(GetParam());
  ASSERT_EQ(source.groups.size(), static_cast<size_t>(4 * source.config.num_hidden_layers));
  ActivationScaling scaling;
  uint32_t state = 1;
  for (const ScaleGroup& group : source.groups) {
    std::vector<float> wanted;
    for (size_t e = 0; e < group.entries; ++e) {
      state = state * 1664525U + 1013904223U;
      wanted.push_back(std::exp2(static_cast<float>(state >> 8) * 0x1p-22F - 2));
    }
    const std::vector<float> got = fold_scales(group, wanted, scaling);
    const auto kept = std::count(got.begin(), got.end(), 1.0F);
    EXPECT_LT(kept, static_cast<long>(got.size() / 8 + 1)) << group.readers[0]->module;
  }
  write_scaled(source, scaling, folder / "scaled");
  fs::copy_file(golden(GetParam()) / "config.json", folder / "scaled" / "config.json");
  EXPECT_LT(most_apart(logits(folder / "scaled"), logits(golden(GetParam()))), 1e-3F);
}

// One side without the other is another model: what the test above would see.
TEST_P(Scaling, OfOneSideAloneIsSeen) {
  const TemporaryFolder folder;
  const Source source(GetParam());
  ActivationScaling scaling;
  const ScaleGroup& last = source.groups.back();
  fold_scales(last, std::vector<float>(last.entries, 2.0F), scaling);
  scaling.rows.clear();
  write_scaled(source, scaling, folder / "scaled");
  fs::copy_file(golden(GetParam()) / "config.json", folder / "scaled" / "config.json");
  EXPECT_GT(most_apart(logits(folder / "scaled"), logits(golden(GetParam()))), 1e-2F);
}

INSTANTIATE_TEST_SUITE_P(Golden, Scaling,
                         ::testing::Values("llama", "mistral", "qwen2", "qwen3", "qwen3_5"),
                         [](const auto& test) { return std::string(test.param); });

CalibrationText some_text() {
  CalibrationText text;
  for (int32_t i = 0; i < 64; ++i) text.tokens.push_back((i * 37 + 5) % 250);
  text.window = 64;
  return text;
}

TEST(SearchScales, LosesLess) {
  const TemporaryFolder folder;
  const Importance importance = collect_importance(golden("qwen3_5"), some_text());
  const Recipe recipe{quant::parse_format("affine:3:32"), {parse_rule("*.in_proj_a=none")}};
  const QuantizeReport report = quantize_model(
      golden("qwen3_5"), folder / "q", recipe,
      {.importance = &importance, .scale_activations = true, .allow_fallback = true});
  ASSERT_TRUE(report.scaling.has_value());
  // All but those whose only reader, down_proj of 112 inputs, stays dense.
  EXPECT_EQ(report.scaling->groups, 24U);
  EXPECT_GT(report.scaling->scaled, 12U);
  EXPECT_LT(report.scaling->error_after, report.scaling->error_before);
  for (const float logit : logits(folder / "q")) ASSERT_TRUE(std::isfinite(logit));
}

TEST(SearchScales, NeedsTheImportance) {
  const TemporaryFolder folder;
  EXPECT_THAT(error_of([&] {
                quantize_model(golden("llama"), folder / "q",
                               {quant::parse_format("affine:4:32"), {}},
                               {.scale_activations = true, .allow_fallback = true});
              }),
              HasSubstr("(--awq) needs their importance"));
}

}  // namespace
}  // namespace tarn::compress
