#include "tarn/compress/quantize.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "tarn/base/file.h"
#include "tarn/base/json.h"
#include "tarn/io/checkpoint.h"
#include "tarn/io/safetensors_writer.h"
#include "tarn/models/model.h"
#include "tarn/models/weights.h"
#include "tarn/ops/elementwise.h"
#include "tarn/ops/quantized.h"
#include "tests/io/safetensors_files.h"
#include "tests/support/errors.h"

namespace tarn::compress {
namespace {

namespace fs = std::filesystem;
using tarn::testing::TemporaryFolder;
using ::testing::HasSubstr;

fs::path golden(const std::string& name) { return fs::path(TARN_TEST_DATA) / "golden" / name; }

Recipe recipe(const char* format, const std::vector<const char*>& rules = {}) {
  Recipe result{quant::parse_format(format), {}};
  for (const char* rule : rules) result.rules.push_back(parse_rule(rule));
  return result;
}

// Golden models have matrices of 112 inputs, which fill no groups of 64.
const QuantizeOptions keeping_misfits{.allow_fallback = true};

json config_of(const fs::path& folder) {
  return parse_json(read_file(folder / "config.json"), "config.json");
}

std::vector<float> logits(const fs::path& folder, const fs::path& reference, bool exact) {
  const SafetensorsFile file = SafetensorsFile::open(reference / "expected.safetensors");
  const std::span<const std::byte> bytes = file.tensor("input_ids").bytes;
  std::vector<int32_t> ids(bytes.size() / sizeof(int32_t));
  std::memcpy(ids.data(), bytes.data(), bytes.size());
  const auto model = load_model(folder, {.exact = exact});
  Cache cache = model->make_cache();
  return model->forward(ids, cache, LogitsFor::all_tokens).to_vector<float>();
}

struct Difference {
  double rms = 0;
  double max = 0;
};

Difference difference(const std::vector<float>& a, const std::vector<float>& b) {
  EXPECT_EQ(a.size(), b.size());
  Difference result;
  for (size_t i = 0; i < a.size(); ++i) {
    const double d = static_cast<double>(a[i]) - static_cast<double>(b[i]);
    result.rms += d * d;
    if (!(std::abs(d) <= result.max)) result.max = std::abs(d);
  }
  result.rms = std::sqrt(result.rms / static_cast<double>(a.size()));
  return result;
}

// Writes the model whose dense float32 weights are the values of `quantized`'s codes.
void write_dequantized(const fs::path& quantized, const fs::path& config, const fs::path& out) {
  const std::string path = config.string();
  const ModelConfig parsed = load_model_config(quantized);
  Weights weights(quantized, parsed.quantization);
  const Checkpoint checkpoint = Checkpoint::open(quantized);
  std::vector<TensorSpec> specs;
  std::map<std::string, std::vector<float>> values;
  for (const TensorInfo* info : checkpoint.tensors()) {
    const std::string module = info->name.substr(0, info->name.rfind('.'));
    const bool side = info->name == module + ".scales" || info->name == module + ".biases";
    const bool codes = info->type == StorageType::u32;
    if (!side && !codes) {
      specs.push_back({info->name, info->type, info->shape});
    } else if (codes) {
      const quant::Format format = weights.format_of(module).value();
      const array w = dequantize(
          {weights.get(info->name), astype(weights.get(module + ".scales"), Dtype::f32),
           astype(weights.get(module + ".biases"), Dtype::f32), format.bits, format.group_size});
      specs.push_back({info->name, StorageType::f32, {w.shape(0), w.shape(1)}});
      values[info->name] = w.to_vector<float>();
    }
  }
  CheckpointWriter writer(out, specs);
  for (const TensorSpec& spec : specs) {
    const auto found = values.find(spec.name);
    writer.append(spec.name, found == values.end() ? checkpoint.tensor(spec.name).bytes
                                                   : std::as_bytes(std::span(found->second)));
  }
  writer.finish();
  fs::copy_file(config, out / "config.json");
}

class QuantizeGolden : public ::testing::TestWithParam<const char*> {};

// The quantized model is the dense model of the weights that its codes stand for: only the order of
// float sums differs, as between any two exact runs (see models/golden_test.cpp).
TEST_P(QuantizeGolden, RunsAsTheDenseModelOfItsCodes) {
  const TemporaryFolder folder;
  const fs::path source = golden(GetParam());
  for (const char* format : {"affine:8:32", "affine:3:64"}) {
    const fs::path out = folder / format;
    const fs::path dense = folder / (std::string(format) + "-dense");
    quantize_model(
        source, out,
        recipe(format, {"*.up_proj=affine:5:32", "*.q_proj=affine:2:64", "*.o_proj=none"}),
        keeping_misfits);
    write_dequantized(out, source / "config.json", dense);
    const Difference d = difference(logits(out, source, true), logits(dense, source, true));
    RecordProperty(std::string("max_") + format, std::to_string(d.max));
    EXPECT_LT(d.max, 1e-3) << format;
  }
}

// How far 8 bits move the logits. Weights of one group of 32 span about four of their standard
// deviations s, so a code's step is 4 s / 255 and its error, uniform in half a step, 0.0045 s; the
// scale's rounding to bfloat16 (relative 2^-9, uniform: 0.0011) acts on values around 2 s, and the
// bias's likewise: 0.0025 s each. Together 0.6 % of a weight, so 0.6 % of each product's output.
// The errors of the layers add up like noise: seven products in each of 4 layers and the output
// give 0.006 * sqrt(7 * 4 + 1) = 3 % of the logits, whose standard deviation is 2: rms 0.06. The
// hybrid has 8 layers (0.1) that amplify what reaches them: run in bfloat16, whose step is a third
// of the above, the reference itself moves there by five times as much as on the others: rms 0.3.
// The bounds are twice these estimates, and for the largest of 24576 logits six times more.
double rms_bound(const std::string& name) { return name == "qwen3_5" ? 0.6 : 0.12; }
constexpr double kLargest = 6.0;
// int8 activations: a group of 32 reaches to 2.2 standard deviations, a step is that / 127, its
// error 0.5 %: about as much as the weights', which makes sqrt(2) of both.
constexpr double kWithActivations = 1.5;

TEST_P(QuantizeGolden, EightBitsStayCloseToTheDenseModel) {
  const TemporaryFolder folder;
  const fs::path source = golden(GetParam());
  const double bound = rms_bound(GetParam());
  quantize_model(source, folder / "q", recipe("affine:8:32"), keeping_misfits);
  const std::vector<float> dense = logits(source, source, true);
  const std::vector<float> exact = logits(folder / "q", source, true);
  const std::vector<float> int8 = logits(folder / "q", source, false);
  const Difference weights = difference(exact, dense);
  const Difference both = difference(int8, dense);
  RecordProperty("exact", fmt::format("rms {:.4f}, max {:.4f}", weights.rms, weights.max));
  RecordProperty("int8", fmt::format("rms {:.4f}, max {:.4f}", both.rms, both.max));
  EXPECT_LT(weights.rms, bound);
  EXPECT_LT(weights.max, bound * kLargest);
  EXPECT_LT(both.rms, bound * kWithActivations);
  EXPECT_LT(both.max, bound * kWithActivations * kLargest);
  EXPECT_NE(int8, exact);
}

INSTANTIATE_TEST_SUITE_P(Families, QuantizeGolden,
                         ::testing::Values("llama", "llama_linear", "mistral", "qwen2", "qwen3",
                                           "qwen3_5"),
                         [](const auto& family) { return std::string(family.param); });

TEST(Quantize, WritesMlxNamesShapesAndTypes) {
  const TemporaryFolder folder;
  const QuantizeReport report =
      quantize_model(golden("llama"), folder / "q", recipe("affine:4:64"), keeping_misfits);
  const Checkpoint in = Checkpoint::open(golden("llama"));
  const Checkpoint out = Checkpoint::open(folder / "q");
  uint64_t quantized = 0;
  for (const TensorInfo* info : in.tensors()) {
    const std::string module = info->name.substr(0, info->name.size() - 7);
    const bool fits = info->shape.size() == 2 && info->shape[1] == 64;  // down_proj has 112 inputs
    const TensorInfo& written = out.tensor(info->name);
    if (!fits) {
      EXPECT_EQ(written.type, info->type) << info->name;
      EXPECT_TRUE(std::equal(written.bytes.begin(), written.bytes.end(), info->bytes.begin(),
                             info->bytes.end()));
      EXPECT_EQ(out.find(module + ".scales"), nullptr);
      continue;
    }
    ++quantized;
    EXPECT_EQ(written.type, StorageType::u32) << info->name;
    EXPECT_EQ(written.shape, (std::vector<int64_t>{info->shape[0], 8}));
    for (const char* part : {".scales", ".biases"}) {
      EXPECT_EQ(out.tensor(module + part).type, StorageType::bf16);
      EXPECT_EQ(out.tensor(module + part).shape, (std::vector<int64_t>{info->shape[0], 1}));
    }
  }
  EXPECT_EQ(quantized, 4 * 6 + 2U);
  EXPECT_EQ(out.tensors().size(), in.tensors().size() + 2 * quantized);
  EXPECT_EQ(report.modules, (std::map<std::string, uint64_t>{{"affine:4:64", quantized}}));
  EXPECT_EQ(report.bytes_before, in.total_bytes());
  EXPECT_EQ(report.bytes_after, out.total_bytes());
  EXPECT_EQ(report.quantized_bytes * 8, report.quantized_values * 9 / 2);  // 4.5 bits
  ASSERT_EQ(report.kept.size(), 1U);
  EXPECT_EQ(report.kept[0].reason, "vectors");
  EXPECT_EQ(report.kept[0].names.at("model.layers.*.input_layernorm.weight"), 4U);
  ASSERT_EQ(report.fallbacks.size(), 4U);
  EXPECT_EQ(report.fallbacks[0],
            "model.layers.0.mlp.down_proj: 112 inputs do not fill groups of 64");
  // The rest of the folder comes along; the config keeps its own text.
  EXPECT_TRUE(fs::exists(folder / "q/generation_config.json"));
  EXPECT_FALSE(fs::exists(folder / "q/expected.safetensors"));
  const std::string before = read_file(golden("llama") / "config.json");
  const std::string after = read_file(folder / "q/config.json");
  EXPECT_EQ(after.rfind(before.substr(0, before.rfind('}') - 1), 0), 0U);
  const json config = parse_json(after, "config");
  EXPECT_EQ(config.at("quantization"), json({{"group_size", 64}, {"bits", 4}, {"mode", "affine"}}));
  EXPECT_EQ(config.at("quantization_config"), config.at("quantization"));
}

TEST(Quantize, RulesReachConfigAndTensors) {
  const TemporaryFolder folder;
  const QuantizeReport report = quantize_model(
      golden("qwen3_5_vl"), folder / "q",
      recipe("affine:4:32", {"*.mlp.gate_proj=affine:6:64", "*.linear_attn.in_proj_[ab]=none",
                             "*.q_proj=affine:4:32", "*.nothing=none"}),
      keeping_misfits);
  const json quantization = config_of(folder / "q").at("quantization");
  // Under the tensor's path, and under the one it has in mlx-lm.
  for (const char* prefix : {"model.language_model.", "language_model.model."}) {
    EXPECT_EQ(quantization.at(std::string(prefix) + "layers.7.mlp.gate_proj"),
              json({{"group_size", 64}, {"bits", 6}}));
    EXPECT_EQ(quantization.at(std::string(prefix) + "layers.0.linear_attn.in_proj_a"), false);
    EXPECT_FALSE(quantization.contains(std::string(prefix) + "layers.3.self_attn.q_proj"));
  }
  const Checkpoint out = Checkpoint::open(folder / "q");
  EXPECT_EQ(out.tensor("model.language_model.layers.0.mlp.gate_proj.weight").shape[1], 12);
  EXPECT_EQ(out.tensor("model.language_model.layers.0.mlp.up_proj.weight").shape[1], 8);
  EXPECT_EQ(out.tensor("model.language_model.layers.0.linear_attn.in_proj_a.weight").type,
            StorageType::bf16);
  for (const std::string_view name : out.names()) {
    const bool visual = name.find("visual") != std::string_view::npos;
    if (visual) {
      EXPECT_EQ(out.tensor(name).type, StorageType::bf16) << name;
    }
  }
  EXPECT_THAT(report.warnings, ::testing::ElementsAre(HasSubstr("\"*.nothing\" decided nothing")));
  const auto reasons = [&](const char* reason) {
    return std::any_of(report.kept.begin(), report.kept.end(),
                       [&](const Kept& kept) { return kept.reason == reason; });
  };
  EXPECT_TRUE(reasons("vision tower"));
  EXPECT_TRUE(reasons("convolutions"));
  EXPECT_TRUE(reasons("as a rule asks"));
  EXPECT_NO_THROW(load_model(folder / "q"));
}

// Its header shifted by one byte leaves no tensor of the file aligned.
TEST(Quantize, ReadsUnalignedTensors) {
  const TemporaryFolder folder;
  const std::string name = "model.safetensors";
  std::string file = read_file(golden("qwen2") / name);
  uint64_t header = 0;
  std::memcpy(&header, file.data(), sizeof header);
  file.insert(8 + header, " ");
  ++header;
  std::memcpy(file.data(), &header, sizeof header);
  fs::create_directory(folder / "in");
  testing::write(folder / "in" / name, file);
  fs::copy_file(golden("qwen2") / "config.json", folder / "in/config.json");
  ASSERT_FALSE(Checkpoint::open(folder / "in").tensors()[0]->aligned());
  quantize_model(folder / "in", folder / "shifted", recipe("affine:5:64"), keeping_misfits);
  quantize_model(golden("qwen2"), folder / "q", recipe("affine:5:64"), keeping_misfits);
  EXPECT_EQ(read_file(folder / "shifted" / name), read_file(folder / "q" / name));
}

// A folder with a llama config and the given float32 matrix as its embedding.
void write_model(const fs::path& folder, const std::vector<float>& values, int64_t columns,
                 const std::string& config) {
  fs::create_directories(folder);
  const auto rows = static_cast<int64_t>(values.size()) / columns;
  CheckpointWriter writer(folder,
                          {{"model.embed_tokens.weight", StorageType::f32, {rows, columns}}});
  writer.append("model.embed_tokens.weight", std::as_bytes(std::span(values)));
  writer.finish();
  testing::write(folder / "config.json", config);
}

constexpr const char* kConfig = R"({"model_type": "llama", "bound": Infinity})";

TEST(Quantize, PiecesOfALargeMatrixAreTheMatrix) {
  const TemporaryFolder folder;
  constexpr int64_t columns = 1 << 13;
  std::vector<float> values(1100 * static_cast<size_t>(columns));  // more than two pieces
  for (size_t i = 0; i < values.size(); ++i) {
    values[i] = std::sin(static_cast<float>(i % 100003) * 0.37F);
  }
  write_model(folder / "in", values, columns, kConfig);
  std::vector<uint64_t> seen;
  QuantizeOptions options;
  options.progress = [&](uint64_t done, uint64_t total) {
    EXPECT_EQ(total, values.size() * sizeof(float));
    seen.push_back(done);
  };
  quantize_model(folder / "in", folder / "out", recipe("affine:4:128"), options);
  EXPECT_GT(seen.size(), 2U);
  EXPECT_TRUE(std::is_sorted(seen.begin(), seen.end()));
  EXPECT_EQ(seen.back(), values.size() * sizeof(float));
  const AffineMatrix whole = quantize(array(values, {1100, columns}), 128, 4);
  eval({whole.codes, whole.scales, whole.biases});
  const Checkpoint out = Checkpoint::open(folder / "out");
  const auto expect_bytes = [&](const char* name, const void* bytes, size_t size) {
    const std::span<const std::byte> written = out.tensor(name).bytes;
    ASSERT_EQ(written.size(), size);
    EXPECT_EQ(std::memcmp(written.data(), bytes, size), 0) << name;
  };
  expect_bytes("model.embed_tokens.weight", whole.codes.data<uint32_t>(), whole.codes.nbytes());
  expect_bytes("model.embed_tokens.scales", whole.scales.data<float>(), whole.scales.nbytes());
  expect_bytes("model.embed_tokens.biases", whole.biases.data<float>(), whole.biases.nbytes());
  EXPECT_THAT(read_file(folder / "out/config.json"), HasSubstr("\"bound\": Infinity,\n"));
}

TEST(QuantizeErrors, NameTheFolderAndTheRemedy) {
  const TemporaryFolder folder;
  const auto error = [&](const fs::path& in, const fs::path& out) {
    return error_of([&] { quantize_model(in, out, recipe("affine:4:64"), keeping_misfits); });
  };
  const fs::path source = golden("llama");
  EXPECT_THAT(error(folder / "nowhere", folder / "q"), HasSubstr("nowhere: no such folder"));
  EXPECT_THAT(error(source / "model.safetensors", folder / "q"), HasSubstr("name a model folder"));
  EXPECT_THAT(error(source, source / "../llama"), HasSubstr("is the input itself"));
  testing::write(folder / "file", "x");
  EXPECT_THAT(error(source, folder / "file"), HasSubstr("exists and is no folder"));
  EXPECT_THAT(error(source, folder.path()), HasSubstr("the folder is not empty"));
  fs::create_directory(folder / "empty");
  EXPECT_EQ(error(source, folder / "empty"), "no error");
  EXPECT_THAT(error(folder / "empty", folder / "again"),
              HasSubstr("is quantized already: quantize the original model"));

  // Scales without a word in config.json.
  fs::create_directory(folder / "silent");
  fs::copy_file(folder / "empty/model.safetensors", folder / "silent/model.safetensors");
  fs::copy_file(source / "config.json", folder / "silent/config.json");
  EXPECT_THAT(error(folder / "silent", folder / "again"), HasSubstr("is quantized already"));
  EXPECT_THAT(error_of([&] {
                quantize_model(source, folder / "q", recipe("affine:4:128"), keeping_misfits);
              }),
              HasSubstr("nothing to quantize"));
  EXPECT_FALSE(fs::exists(folder / "q"));
}

TEST(QuantizeErrors, LayersThatDoNotFitAreNamedWithTheRemedies) {
  const TemporaryFolder folder;
  const std::string error =
      error_of([&] { quantize_model(golden("llama"), folder / "q", recipe("affine:4:64")); });
  EXPECT_THAT(error, HasSubstr("\"model.layers.0.mlp.down_proj\" cannot be quantized as asked: 112 "
                               "inputs do not fill groups of 64 (4 layers in all)"));
  EXPECT_THAT(error, HasSubstr("--allow-fallback"));
  EXPECT_FALSE(fs::exists(folder / "q"));
  EXPECT_NO_THROW(
      quantize_model(golden("llama"), folder / "q", recipe("affine:4:64", {"*.down_proj=none"})));
}

TEST(QuantizeErrors, BrokenWeightsLeaveNoFolder) {
  const TemporaryFolder folder;
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    std::vector<float> values(256, 1.0F);
    values[200] = bad;
    fs::remove_all(folder / "in");
    write_model(folder / "in", values, 64, kConfig);
    EXPECT_THAT(error_of([&] { quantize_model(folder / "in", folder / "out", recipe("affine4")); }),
                HasSubstr("\"model.embed_tokens.weight\": holds NaN or infinite weights"));
    EXPECT_FALSE(fs::exists(folder / "out"));
  }
}

TEST(Quantize, FallbackKeepsBrokenWeightsAndSaysSo) {
  const TemporaryFolder folder;
  std::vector<float> values(256, 1.0F);
  values[200] = std::numeric_limits<float>::quiet_NaN();
  write_model(folder / "in", values, 64, kConfig);
  // Alone in its model: nothing is left to quantize.
  EXPECT_THAT(error_of([&] {
                quantize_model(folder / "in", folder / "out", recipe("affine4"), keeping_misfits);
              }),
              HasSubstr("nothing to quantize"));
}

}  // namespace
}  // namespace tarn::compress
