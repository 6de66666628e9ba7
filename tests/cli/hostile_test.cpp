// Broken model folders through the commands that read them: an error and exit code 1, never a
// crash, whatever is wrong. Each case starts from a golden model and breaks one thing.
#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <limits>

#include "tarn/base/json.h"
#include "tests/cli/run_tarn.h"

namespace tarn {
namespace {

namespace fs = std::filesystem;
using tarn::testing::expect_no_crash;
using tarn::testing::expect_refused;
using tarn::testing::Outcome;
using tarn::testing::run_tarn;
using tarn::testing::TemporaryFolder;

constexpr const char* kWeights = "model.safetensors";

// A safetensors file taken apart, so that the header can be broken by itself.
struct Parts {
  json header;
  std::string data;

  explicit Parts(const std::string& file) {
    uint64_t size = 0;
    std::memcpy(&size, file.data(), sizeof size);
    header = parse_json(std::string_view(file).substr(8, size), "header");
    data = file.substr(8 + size);
  }
};

std::string assemble(const std::string& header, const std::string& data) {
  const uint64_t size = header.size();
  std::string file(sizeof size, '\0');
  std::memcpy(file.data(), &size, sizeof size);
  return file + header + data;
}

class Hostile : public ::testing::Test {
 protected:
  void SetUp() override {
    const fs::path golden = fs::path(TARN_TEST_DATA) / "golden/llama";
    fs::create_directory(model());
    for (const char* name : {kWeights, "config.json", "generation_config.json"}) {
      fs::copy_file(golden / name, model() / name);
    }
    weights_ = read_file(model() / kWeights);
    config_ = read_file(model() / "config.json");
  }

  fs::path model() const { return folder_ / "model"; }

  Outcome run(const std::vector<std::string>& arguments) const {
    return run_tarn(folder_, arguments);
  }
  Outcome info() const { return run({"info", model(), "--tensors"}); }
  Outcome logits() const {
    return run({"logits", model(), "--tokens", "1,2,3", "--out", folder_ / "logits"});
  }
  Outcome generate() const {
    return run({"generate", model(), "--tokens", "1,2,3", "-n", "2", "--json"});
  }
  Outcome quantize() const {
    fs::remove_all(folder_ / "quantized");
    return run({"quantize", model(), folder_ / "quantized", "--recipe", "affine:4:64",
                "--allow-fallback"});
  }

  // The file itself is broken: nothing can be done with the folder.
  void expect_all_refuse(const std::string& what) const {
    expect_refused(info(), "info: " + what);
    expect_refused(logits(), "logits: " + what);
    expect_refused(generate(), "generate: " + what);
    expect_refused(quantize(), "quantize: " + what);
  }
  // The file is sound but no such model: it cannot run.
  void expect_not_run(const std::string& what) const {
    expect_no_crash(info(), "info: " + what);
    expect_refused(logits(), "logits: " + what);
    expect_no_crash(quantize(), "quantize: " + what);
  }

  void write_weights(const std::string& file) const {
    tarn::testing::write(model() / kWeights, file);
  }
  void write_header(const std::function<void(json&)>& change) const {
    Parts parts(weights_);
    change(parts.header);
    write_weights(assemble(parts.header.dump(), parts.data));
  }
  void write_config(const std::string& text) const {
    tarn::testing::write(model() / "config.json", text);
  }

  TemporaryFolder folder_;
  std::string weights_;
  std::string config_;
};

constexpr const char* kNorm = "model.norm.weight";
constexpr const char* kQuery = "model.layers.0.self_attn.q_proj.weight";

TEST_F(Hostile, TheUnbrokenModelRuns) {
  EXPECT_EQ(info().status, 0);
  EXPECT_EQ(logits().status, 0);
  EXPECT_EQ(generate().status, 0);
  EXPECT_EQ(quantize().status, 0);
}

TEST_F(Hostile, TruncatedAndPaddedWeights) {
  uint64_t header = 0;
  std::memcpy(&header, weights_.data(), sizeof header);
  for (const size_t length :
       {size_t{0}, size_t{1}, size_t{7}, size_t{8}, size_t{9}, size_t{100}, 7 + header, 8 + header,
        9 + header, weights_.size() / 2, weights_.size() - 1}) {
    write_weights(weights_.substr(0, length));
    expect_all_refuse(fmt::format("{} bytes", length));
  }
  write_weights(weights_ + std::string(8, 'x'));
  expect_all_refuse("bytes behind the last tensor");
}

TEST_F(Hostile, HeaderLengths) {
  for (const uint64_t length :
       {uint64_t{0}, uint64_t{1}, weights_.size() - 7, uint64_t{1} << 32, uint64_t{1} << 63,
        std::numeric_limits<uint64_t>::max(), std::numeric_limits<uint64_t>::max() - 7}) {
    std::string file = weights_;
    std::memcpy(file.data(), &length, sizeof length);
    write_weights(file);
    expect_all_refuse(fmt::format("a header of {} bytes", length));
  }
}

TEST_F(Hostile, HeadersThatAreNoHeader) {
  const std::string data = Parts(weights_).data;
  const std::string deep(100000, '[');
  for (const std::string& text :
       {std::string("not JSON"), std::string("[]"), std::string("null"), std::string("{"),
        std::string("{\"a\":1}"), std::string("{\"a\":[]}"), std::string("{\"a\":{}}"),
        std::string("{\"__metadata__\":{\"a\":1}}"), std::string("\xff\xfe\x00\x01", 4), deep,
        "{\"a\":" + deep, std::string(1000, '\0')}) {
    write_weights(assemble(text, data));
    expect_all_refuse("header " + text.substr(0, 30));
  }
  const std::string twice = Parts(weights_).header.dump();
  write_weights(assemble("{" + twice.substr(1, twice.size() - 2) + "," + twice.substr(1), data));
  expect_all_refuse("every name twice");
}

TEST_F(Hostile, OffsetsShapesAndTypesOfOneTensor) {
  const json offsets = Parts(weights_).header.at(kQuery).at("data_offsets");
  const uint64_t begin = offsets[0];
  const uint64_t end = offsets[1];
  constexpr uint64_t huge = uint64_t{1} << 62;
  const std::vector<std::pair<const char*, json>> broken = {
      {"data_offsets", {0, end - begin}},  // over the first tensor
      {"data_offsets", {begin + 2, end}},
      {"data_offsets", {begin, end - 2}},
      {"data_offsets", {end, begin}},
      {"data_offsets", {begin, huge}},
      {"data_offsets", {huge, huge + end - begin}},
      {"data_offsets", {-1, end}},
      {"data_offsets", {0.5, end}},
      {"data_offsets", {begin}},
      {"data_offsets", {begin, end, end}},
      {"data_offsets", "x"},
      {"data_offsets", nullptr},
      {"shape", {64, 63}},
      {"shape", {huge, huge}},
      {"shape", {uint64_t{1} << 32, uint64_t{1} << 32}},
      {"shape", {-64, -64}},
      {"shape", {64.5, 64}},
      {"shape", {"64", 64}},
      {"shape", {{64}, 64}},
      {"shape", 4096},
      {"shape", nullptr},
      {"dtype", "F32"},
      {"dtype", "F9"},
      {"dtype", ""},
      {"dtype", 16},
      {"dtype", nullptr},
      {"extra", 1}};
  for (const auto& [key, value] : broken) {
    write_header([&, name = key, to = value](json& header) { header[kQuery][name] = to; });
    if (std::string_view(key) == "extra") {
      expect_no_crash(logits(), "extra field");
    } else {
      expect_all_refuse(fmt::format("{} = {}", key, value.dump()));
    }
  }
}

// Sizes agree with the bytes, but not with what config.json asks for.
TEST_F(Hostile, TensorsThatDoNotFitTheModel) {
  const std::vector<json> shapes = {{4096},
                                    {32, 128},
                                    {64, 64, 1},
                                    {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 64, 64},
                                    {4096, 1}};
  for (const json& shape : shapes) {
    write_header([&](json& header) { header[kQuery]["shape"] = shape; });
    expect_not_run("shape " + shape.dump());
  }
  for (const char* dtype : {"I16", "U16", "F16"}) {
    for (const char* name : {kNorm, kQuery, "model.embed_tokens.weight", "lm_head.weight"}) {
      write_header([&](json& header) { header[name]["dtype"] = dtype; });
      const std::string what = fmt::format("{} as {}", name, dtype);
      if (std::string_view(dtype) == "F16") {
        expect_no_crash(logits(), what);
      } else {
        expect_not_run(what);
      }
    }
  }
  for (const char* dtype : {"I8", "U8", "BOOL", "F8_E5M2", "F8_E8M0"}) {
    write_header([&](json& header) {
      header[kQuery]["dtype"] = dtype;
      header[kQuery]["shape"] = {128, 64};
    });
    expect_not_run(fmt::format("weights as {}", dtype));
  }
}

TEST_F(Hostile, MissingTensors) {
  const json header = Parts(weights_).header;
  for (const auto& [name, entry] : header.items()) {
    if (name == "__metadata__") continue;
    if (name.find("layers.1.") != name.npos || name.find("layers.2.") != name.npos) continue;
    write_header([&, gone = name](json& h) {
      h["other." + gone] = h[gone];
      h.erase(gone);
    });
    expect_refused(logits(), "without " + name);
  }
  write_weights(assemble("{}", ""));
  expect_not_run("no tensors at all");
  fs::remove(model() / kWeights);
  expect_all_refuse("no weights");
}

TEST_F(Hostile, BrokenIndexes) {
  fs::rename(model() / kWeights, model() / "model-00001-of-00001.safetensors");
  const auto index = [&](const std::string& text) {
    tarn::testing::write(model() / "model.safetensors.index.json", text);
    expect_all_refuse("index " + text.substr(0, 60));
  };
  for (const char* shard :
       {"../model.safetensors", "/etc/passwd", "", "missing.safetensors", "a/b.safetensors"}) {
    index(json({{"weight_map", {{kNorm, shard}}}}).dump());
  }
  for (const char* text : {"", "[]", "{}", "{\"weight_map\":[]}", "{\"weight_map\":{\"a\":1}}",
                           "{\"weight_map\":{\"a\":"}) {
    index(text);
  }
  index(json({{"weight_map", {{"nowhere", "model-00001-of-00001.safetensors"}}}}).dump());
}

TEST_F(Hostile, ConfigsThatAreNoConfig) {
  for (const std::string& text :
       {std::string(), std::string("not JSON"), std::string("[]"), std::string("null"),
        std::string("{}"), std::string("{\"model_type\":"), config_.substr(0, config_.size() / 2),
        std::string(1 << 16, '\0'), "{\"model_type\":" + std::string(200000, '['),
        "{\"model_type\":" + std::string(200000, '{'), std::string("{\"model_type\":1e999}"),
        std::string("{\"model_type\":\"llama\",\"model_type\":\"llama\"}"),
        "{\"model_type\":\"" + std::string(1 << 20, 'x') + "\"}"}) {
    write_config(text);
    const std::string what = "config " + text.substr(0, 40);
    expect_not_run(what);
    expect_refused(quantize(), "quantize: " + what);
  }
  fs::remove(model() / "config.json");
  expect_not_run("no config");
}

const std::vector<json>& hostile_values() {
  json deep = 1;
  for (int i = 0; i < 40; ++i) deep = json::array({deep});
  static const std::vector<json> values = {nullptr,
                                           true,
                                           -1,
                                           0,
                                           3,
                                           1.5,
                                           "x",
                                           json::array(),
                                           deep,
                                           std::numeric_limits<int64_t>::max(),
                                           std::numeric_limits<uint64_t>::max(),
                                           1e308};
  return values;
}

// Every field with every wrong value. Some are harmless (an unknown rope_theta of 1.5), most are
// not; none may crash.
TEST_F(Hostile, EveryConfigFieldWithWrongValues) {
  const json config = parse_json(config_, "config");
  for (const auto& [key, old] : config.items()) {
    for (const json& value : hostile_values()) {
      json changed = config;
      changed[key] = value;
      write_config(changed.dump());
      expect_no_crash(logits(), fmt::format("{} = {}", key, value.dump()));
    }
  }
}

TEST_F(Hostile, EveryRopeFieldWithWrongValues) {
  const json config = parse_json(config_, "config");
  for (const auto& [key, old] : config.at("rope_parameters").items()) {
    for (const json& value : hostile_values()) {
      json changed = config;
      changed["rope_parameters"][key] = value;
      write_config(changed.dump());
      expect_no_crash(logits(), fmt::format("rope {} = {}", key, value.dump()));
    }
  }
}

// Sizes that fit each other but not the file, up to what would overflow if it were multiplied.
TEST_F(Hostile, AbsurdModels) {
  for (const auto& [key, value] :
       std::vector<std::pair<const char*, int64_t>>{{"vocab_size", int64_t{1} << 40},
                                                    {"vocab_size", (int64_t{1} << 31) - 1},
                                                    {"hidden_size", int64_t{1} << 40},
                                                    {"intermediate_size", int64_t{1} << 40},
                                                    {"num_hidden_layers", int64_t{1} << 40},
                                                    {"num_hidden_layers", 1000},
                                                    {"num_attention_heads", int64_t{1} << 40},
                                                    {"head_dim", int64_t{1} << 40},
                                                    {"vocab_size", 511},
                                                    {"hidden_size", 128},
                                                    {"num_hidden_layers", 5},
                                                    {"head_dim", 32}}) {
    json changed = parse_json(config_, "config");
    changed[key] = value;
    write_config(changed.dump());
    expect_refused(logits(), fmt::format("{} = {}", key, value));
  }
}

TEST_F(Hostile, GenerationConfigs) {
  for (const char* text : {"", "[]", "{", "{\"eos_token_id\":\"x\"}", "{\"eos_token_id\":[[]]}",
                           "{\"eos_token_id\":1e400}", "{\"eos_token_id\":-5}"}) {
    tarn::testing::write(model() / "generation_config.json", text);
    expect_no_crash(generate(), text);
  }
}

class HostileQuantized : public Hostile {
 protected:
  void SetUp() override {
    Hostile::SetUp();
    ASSERT_EQ(quantize().status, 0);
    fs::remove_all(model());
    fs::rename(folder_ / "quantized", model());
    weights_ = read_file(model() / kWeights);
    config_ = read_file(model() / "config.json");
  }
};

TEST_F(HostileQuantized, ConfigsThatDoNotFitTheCodes) {
  EXPECT_EQ(logits().status, 0);
  const json config = parse_json(config_, "config");
  const auto with = [&](const json& quantization) {
    json changed = config;
    changed["quantization"] = quantization;
    write_config(changed.dump());
    const std::string what = "quantization " + quantization.dump();
    expect_no_crash(info(), "info: " + what);
    expect_refused(logits(), "logits: " + what);
  };
  for (const json& bits : std::vector<json>{2, 3, 5, 6, 8, 1, 0, -4, 7, 1e9, "4", nullptr, 4.5}) {
    if (!bits.is_null()) with({{"bits", bits}, {"group_size", 64}});
  }
  for (const json& group : std::vector<json>{32, 128, 0, -64, 48, 1e18, "64"}) {
    with({{"bits", 4}, {"group_size", group}});
  }
  for (const char* mode : {"mxfp4", "nvfp4", "mxfp8", "x", ""}) with({{"mode", mode}});
  for (const json& entry : std::vector<json>{false, 1, "x", json::array(), {{"bits", 8}}}) {
    with({{"bits", 4}, {"group_size", 64}, {"model.layers.0.self_attn.q_proj", entry}});
  }
  json plain = config;
  plain.erase("quantization");
  plain.erase("quantization_config");
  write_config(plain.dump());
  expect_refused(logits(), "codes without a word in config.json");
}

TEST_F(HostileQuantized, BrokenScalesAndCodes) {
  const std::string module = "model.layers.0.self_attn.q_proj";
  const auto broken = [&](const std::string& tensor, const char* key, const json& value) {
    write_header([&](json& header) { header[module + tensor][key] = value; });
    expect_not_run(fmt::format("{}{} {}", tensor, key, value.dump()));
  };
  broken(".weight", "dtype", "I32");
  broken(".weight", "dtype", "F32");
  broken(".weight", "shape", {8, 64});
  broken(".weight", "shape", {512});
  broken(".scales", "dtype", "I16");
  broken(".scales", "dtype", "F16");  // the biases stay bfloat16
  broken(".biases", "dtype", "U16");
  broken(".scales", "shape", {1, 64});
  broken(".scales", "shape", {64});
  for (const char* tensor : {".scales", ".biases", ".weight"}) {
    write_header([&](json& header) {
      header["other"] = header[module + tensor];
      header.erase(module + tensor);
    });
    expect_refused(logits(), fmt::format("without {}", tensor));
  }
}

}  // namespace
}  // namespace tarn
