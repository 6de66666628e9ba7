// tarn plan, and the prediction in tarn bench.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tarn/base/json.h"
#include "tests/io/safetensors_files.h"
#include "tests/support/command.h"

namespace tarn {
namespace {

using ::testing::HasSubstr;
using testing::run_tarn;
using testing::TemporaryFolder;

json plan_json(const std::string& arguments) {
  const auto result = run_tarn("plan " + arguments + " --json");
  EXPECT_EQ(result.status, 0) << result.err;
  return parse_json(result.out, "stdout");
}

TEST(Plan, TableListsTheFormats) {
  const auto result = run_tarn("plan llama-3.1-405b --device h100-sxm --context 8192 --batch 4");
  EXPECT_EQ(result.status, 0) << result.err;
  for (const char* part :
       {"405.85 B parameters", "NVIDIA H100 SXM", "3350.0 GB/s", "bf16 (own)", "affine:2:64",
        "8192 tokens, 4 sequences", "4 sequences together", "no kernels for this device"}) {
    EXPECT_THAT(result.out, HasSubstr(part));
  }
}

TEST(Plan, JsonOfPebbleEqualsItsFile) {
  const json out = plan_json("pebble --device m1");
  const auto info = run_tarn(std::string("info " TARN_MODELS_DIR "/pebble --json"));
  const json facts = parse_json(info.out, "stdout");
  EXPECT_EQ(out.at("parameters"), facts.at("parameters"));
  const json& own = out.at("formats").at(0);
  EXPECT_TRUE(own.at("own").get<bool>());
  EXPECT_EQ(own.at("format"), "bf16");
  EXPECT_EQ(own.at("file_bytes"), facts.at("bytes"));
  EXPECT_EQ(out.at("context"), 2048);  // all that the model has
  EXPECT_EQ(out.at("formats").size(), 7U);
  for (const json& format : out.at("formats")) {
    EXPECT_TRUE(format.at("fits").get<bool>());
    EXPECT_EQ(format.at("max_context"), 2048);
    EXPECT_GT(format.at("decode_tokens_per_second").get<double>(), 0);
  }
}

TEST(Plan, NeedsOnlyAConfig) {
  const TemporaryFolder folder;
  testing::write(folder / "config.json",
                 R"({"model_type":"llama","quantization":{"bits":4,"group_size":64}})");
  for (const std::string& path : {folder.path().string(), (folder / "config.json").string()}) {
    const json out = plan_json(path + " --bandwidth 100 --memory 8 --context 2048 --kv int8");
    EXPECT_EQ(out.at("parameters"), 6738415616);  // Llama 2 7B: what the keys' defaults say
    EXPECT_EQ(out.at("formats")[0].at("format"), "affine:4:64");
    EXPECT_TRUE(out.at("formats")[0].at("own").get<bool>());
    EXPECT_TRUE(out.at("formats")[0].at("prefill_tokens_per_second").is_null());
    EXPECT_EQ(out.at("kv"), "int8");
    EXPECT_FALSE(out.at("formats")[1].at("fits").get<bool>());  // bf16 in 8 GB
  }
}

TEST(Plan, MeasuresThisMachine) {
  const json out = plan_json("qwen3-0.6b --format affine4 --format affine:6:32 --prompt 64 -t 1");
  EXPECT_EQ(out.at("device").at("name"), "local");
  EXPECT_TRUE(out.at("device").at("measured").get<bool>());
  ASSERT_EQ(out.at("formats").size(), 2U);
  EXPECT_EQ(out.at("formats")[1].at("format"), "affine:6:32");
  EXPECT_GT(out.at("formats")[0].at("first_token_seconds").get<double>(), 0);
}

// The largest values that config.json may hold.
TEST(Plan, HugeShapesAreOnlyHuge) {
  const TemporaryFolder folder;
  testing::write(folder / "config.json",
                 R"({"model_type":"llama","hidden_size":1048576,"intermediate_size":16777216,
                     "num_hidden_layers":4096,"num_attention_heads":4096,
                     "num_key_value_heads":4096,"head_dim":8192,"vocab_size":67108864,
                     "max_position_embeddings":1099511627776})");
  const std::string arguments =
      folder.path().string() + " --device m1 --context 1099511627776 --batch 1048576";
  const json out = plan_json(arguments);
  EXPECT_GT(out.at("formats")[0].at("memory").at("kv").get<double>(), 1e20);
  EXPECT_EQ(out.at("formats")[0].at("max_context"), 0);
  EXPECT_EQ(run_tarn("plan " + arguments).status, 0);
}

struct Case {
  const char* arguments;
  int status;
  const char* message;
};

TEST(Plan, SaysWhatIsWrong) {
  for (const Case& one :
       {Case{"", 2, "model"}, Case{"nowhere", 1, "llama-3.1-8b"},
        Case{"pebble --device m9", 1, "rtx-4090"}, Case{"pebble --bandwidth 100", 2, "--memory"},
        Case{"pebble --kv q8", 2, "--kv"}, Case{"pebble --batch 0", 2, "--batch"},
        Case{"pebble --format q4 --device m1", 1, "affine:BITS:GROUP"},
        Case{"pebble --context 4096 --device m1", 1, "2048"},
        Case{"pebble --context 64 --prompt 65 --device m1", 1, "longer than the context"},
        Case{"/dev/null --device m1", 1, "/dev/null"},
        Case{"/tmp --device m1", 1, "config.json"}}) {
    const auto result = run_tarn(std::string("plan ") + one.arguments);
    EXPECT_EQ(result.status, one.status) << one.arguments;
    EXPECT_THAT(result.err, HasSubstr(one.message)) << one.arguments;
    EXPECT_EQ(result.err.substr(0, 6), "tarn: ") << one.arguments;
    EXPECT_EQ(result.out, "") << one.arguments;
  }
}

TEST(Plan, HelpListsDevicesAndShapes) {
  const auto result = run_tarn("plan --help");
  EXPECT_EQ(result.status, 0);
  for (const char* part : {"Example", "m4-max", "qwen3.5-0.8b"}) {
    EXPECT_THAT(result.out, HasSubstr(part));
  }
}

TEST(Bench, StandsBesideItsPrediction) {
  const auto bench = run_tarn("bench pebble -p 16 -n 8 -d 32 -r 1 -t 1 -o json");
  ASSERT_EQ(bench.status, 0) << bench.err;
  const json tests = parse_json(bench.out, "stdout").at("tests");
  for (const json& test : tests) {
    EXPECT_GT(test.at("predicted_tokens_per_second").get<double>(), 0);
  }
  // One definition of the bytes that a token moves: 38 tokens stand in the middle of the test.
  const json bytes =
      plan_json("pebble --device m1 --context 38").at("formats")[0].at("bytes_per_token");
  const json& measured = tests[1].at("bytes_per_token");
  EXPECT_EQ(measured.at("weights"), bytes.at("weights"));
  EXPECT_EQ(measured.at("cache").get<double>(),
            bytes.at("kv").get<double>() + bytes.at("state").get<double>());
}

}  // namespace
}  // namespace tarn
