#include <gtest/gtest.h>
#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <string>

#include "tarn/base/file.h"
#include "tarn/base/json.h"
#include "tarn/io/safetensors_writer.h"
#include "tests/io/safetensors_files.h"

namespace tarn {
namespace {

struct Result {
  int status;
  std::string out;
};

// `arguments` are the shell's; stderr joins stdout where they say 2>&1.
Result tarn_info(const std::string& arguments) {
  Result result{-1, {}};
  FILE* const pipe = ::popen((std::string(TARN_BINARY) + " info " + arguments).c_str(), "r");
  if (pipe == nullptr) return result;
  std::array<char, 4096> buffer{};
  while (const size_t got = std::fread(buffer.data(), 1, buffer.size(), pipe)) {
    result.out.append(buffer.data(), got);
  }
  result.status = WEXITSTATUS(::pclose(pipe));
  return result;
}

const std::string kGolden = TARN_TEST_DATA "/golden/";

TEST(Info, JsonIsOneDocumentWithTheGoldenModelsNumbers) {
  const Result result = tarn_info(kGolden + "qwen3_5_vl --json --tensors");
  ASSERT_EQ(result.status, 0);
  const json info = parse_json(result.out, "stdout");
  const std::string path = kGolden + "qwen3_5_vl/meta.json";
  const json meta = parse_json(read_file(path), path);
  EXPECT_EQ(info.at("parameters"), meta.at("params"));
  EXPECT_EQ(info.at("tensor_count"), meta.at("tensors"));
  EXPECT_EQ(info.at("tensors").size(), meta.at("tensors"));
  EXPECT_EQ(info.at("config").at("family"), "qwen3_5");
  EXPECT_EQ(info.at("formats").at("BF16").at("bytes"), info.at("bytes"));
  for (const json& tensor : info.at("tensors")) {
    EXPECT_EQ(tensor.at("shape"),
              meta.at("tensor_list").at(tensor.at("name").get<std::string>())[1]);
  }
}

TEST(Info, TextNamesTheArchitecture) {
  const Result result = tarn_info(kGolden + "mistral --tensors");
  ASSERT_EQ(result.status, 0);
  for (const char* part : {"mistral", "4 sliding_attention", "window        16", "BF16"}) {
    EXPECT_NE(result.out.find(part), std::string::npos) << part;
  }
}

TEST(Info, CountsTheParametersBehindQuantizedWeights) {
  const testing::TemporaryFolder folder;
  // Layers 2 and 10: [4, 64] values in 4 bits, groups of 32.
  std::vector<TensorSpec> tensors{{"norm.weight", StorageType::bf16, {5}}};
  for (const std::string module : {"layers.10.w", "layers.2.w"}) {
    tensors.push_back({module + ".weight", StorageType::u32, {4, 8}});
    tensors.push_back({module + ".scales", StorageType::bf16, {4, 2}});
    tensors.push_back({module + ".biases", StorageType::bf16, {4, 2}});
  }
  CheckpointWriter writer(folder.path(), tensors);
  for (const TensorSpec& spec : tensors) {
    uint64_t bytes = storage_type_bits(spec.type) / 8;
    for (const int64_t dim : spec.shape) bytes *= static_cast<uint64_t>(dim);
    writer.append(spec.name, std::vector<std::byte>(bytes));
  }
  writer.finish();
  testing::write(folder / "config.json",
                 R"({"model_type":"llama","quantization":{"bits":4,"group_size":32}})");
  const Result result = tarn_info(folder.path().string() + " --json --tensors");
  ASSERT_EQ(result.status, 0);
  const json info = parse_json(result.out, "stdout");
  EXPECT_EQ(info.at("parameters"), 5 + 2 * 4 * 64);
  EXPECT_EQ(info.at("config").at("quantization").at("bits"), 4);
  EXPECT_EQ(info.at("tensors")[0].at("name"), "layers.2.w.biases");
  EXPECT_EQ(info.at("tensors")[3].at("name"), "layers.10.w.biases");
}

TEST(Info, ListsTheTensorsOfAModelTarnDoesNotRun) {
  const testing::TemporaryFolder folder;
  testing::write(folder / "model.safetensors", testing::safetensors_bytes("{}"));
  testing::write(folder / "config.json", R"({"model_type":"gpt9"})");
  const Result result = tarn_info(folder.path().string() + " --json");
  EXPECT_EQ(result.status, 0);
  const json info = parse_json(result.out, "stdout");
  EXPECT_FALSE(info.contains("config"));
  EXPECT_NE(info.at("unsupported").get<std::string>().find("\"gpt9\""), std::string::npos);
}

TEST(Info, FailsWithAWord) {
  const testing::TemporaryFolder folder;
  testing::write(folder / "model.safetensors", "junk");
  const Result broken = tarn_info(folder.path().string() + " 2>&1");
  EXPECT_EQ(broken.status, 1);
  EXPECT_EQ(broken.out.rfind("tarn: ", 0), 0U) << broken.out;
  EXPECT_NE(broken.out.find("too few for a safetensors file"), std::string::npos);
  EXPECT_EQ(tarn_info("/nonexistent 2>&1").status, 1);
  EXPECT_EQ(tarn_info("2>&1").status, 2);
}

}  // namespace
}  // namespace tarn
