// The embedded model through the commands that people use.
#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tarn/base/file.h"
#include "tarn/base/json.h"
#include "tests/io/safetensors_files.h"
#include "tests/support/command.h"

namespace tarn {
namespace {

using ::testing::HasSubstr;
using testing::run_tarn;
using testing::TemporaryFolder;

json run_json(const std::string& arguments, const std::string& input = "") {
  const auto result = run_tarn(arguments + " --json -t 1", input);
  EXPECT_EQ(result.status, 0) << result.err;
  return parse_json(result.out, "stdout");
}

TEST(Run, Answers) {
  const auto result = run_tarn("run pebble -p 'What is 17 + 25?' --no-think -t 1");
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(result.out, "42\n");
  const json thought = run_json("run pebble --think", "What is 17 + 25?\n");
  EXPECT_EQ(thought.at("text"), "42");
  EXPECT_THAT(thought.at("reasoning").get<std::string>(), HasSubstr("So 17 + 25 = 42."));
  EXPECT_EQ(thought.at("finish_reason"), "stop");
}

TEST(Run, StopsWhereItIsTold) {
  const json cut = run_json("run pebble -p 'What is 17 + 25?' --think -n 5");
  EXPECT_EQ(cut.at("finish_reason"), "length");
  EXPECT_EQ(cut.at("generated_tokens"), 5);
  const json raw = run_json("run pebble --raw -p 'It was a dark and' -n 40");
  const auto text = raw.at("text").get<std::string>();
  ASSERT_GT(text.size(), 30U);
  const std::string stop = text.substr(20, 4);
  const json stopped = run_json("run pebble --raw -p 'It was a dark and' --stop '" + stop + "'");
  EXPECT_EQ(stopped.at("text"), text.substr(0, text.find(stop)));
  EXPECT_EQ(stopped.at("finish_reason"), "stop");
}

TEST(Run, ComesBackToAPromptCache) {
  const TemporaryFolder folder;
  for (const std::string mode : {"", "--raw -n 12"}) {
    const std::string cache = (folder / ("cache" + std::to_string(mode.size()))).string();
    const std::string command = fmt::format(
        "run pebble -p 'Sort these words: pear, apple, plum.' {} --prompt-cache {}", mode, cache);
    const json first = run_json(command);
    const json second = run_json(command);
    EXPECT_EQ(first.at("cached_tokens"), 0);
    EXPECT_GT(second.at("cached_tokens").get<int>(), 5);
    EXPECT_EQ(second.at("text"), first.at("text"));
    const auto other = run_tarn("run pebble -p x --exact -t 1 --prompt-cache " + cache);
    EXPECT_EQ(other.status, 1);
    EXPECT_THAT(other.err, HasSubstr("another model or other options"));
  }
}

TEST(Chat, TalksThroughAPipe) {
  const TemporaryFolder folder;
  const std::string file = (folder / "chat.json").string();
  const auto result = run_tarn("chat pebble --no-think -t 1",
                               "What is 2 + 3?\n\"\"\"\nWhat is\n12 + 30?\"\"\"\nWhat is \\\n"
                               "1 + 1?\n/stats\n/save " +
                                   file + "\n/clear\n/exit\nWhat is 3 + 3?\n");
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("5\n"));
  EXPECT_THAT(result.out, HasSubstr("42\n"));
  EXPECT_THAT(result.out, HasSubstr("cached"));  // the turns before
  const json saved = parse_json(read_file(file), file);
  ASSERT_EQ(saved.size(), 6U);
  EXPECT_EQ(saved[0].at("content"), "What is 2 + 3?");
  EXPECT_EQ(saved[1].at("content"), "5");
  EXPECT_EQ(saved[2].at("content"), "What is\n12 + 30?");

  const auto loaded = run_tarn("chat pebble -t 1", "/load " + file + "\n/set top-p 7\n/nothing\n");
  EXPECT_EQ(loaded.status, 1);
  EXPECT_THAT(loaded.out, HasSubstr("6 messages"));
  EXPECT_THAT(loaded.err, HasSubstr("--top-p: 7"));
  EXPECT_THAT(loaded.err, HasSubstr("/nothing"));
}

TEST(Eval, CountsRightAnswers) {
  const TemporaryFolder folder;
  const std::string prompt =
      "<|im_start|>user\\nWhat is 17 + 25?<|im_end|>\\n<|im_start|>assistant\\n<think>\\n";
  const std::string line = R"({"prompt":")" + prompt + R"(","expected":)";
  testing::write(folder / "tasks.jsonl", line + R"("42","category":"add"})" + "\n\n" + line +
                                             R"("43","category":"add"})" + "\n" + line +
                                             R"("42","category":"b","max_new_tokens":3})" + "\n");
  const json out = run_json("eval tasks pebble --file " + (folder / "tasks.jsonl").string());
  EXPECT_EQ(out.at("correct"), 1);
  EXPECT_EQ(out.at("total"), 3);
  EXPECT_EQ(out.at("by_category").at("add").at("total"), 2);
  EXPECT_EQ(out.at("by_category").at("b").at("correct"), 0);
}

TEST(Eval, PerplexityIsOverWindows) {
  const TemporaryFolder folder;
  std::string text;
  for (int i = 0; i < 40; ++i) text += "The old man looked at the sea for a long time. ";
  testing::write(folder / "text.txt", text);
  const json out =
      run_json("eval ppl pebble --window 128 --text " + (folder / "text.txt").string());
  const auto tokens = out.at("tokens").get<int>();
  EXPECT_EQ(out.at("predicted"), tokens - (tokens + 127) / 128);
  EXPECT_LT(out.at("ppl").get<double>(), 30);  // it repeats itself
  EXPECT_GT(out.at("ppl").get<double>(), 1);
  const double total = out.at("nll").get<double>();
  EXPECT_NEAR(std::log(out.at("ppl").get<double>()), total / out.at("predicted").get<int>(), 1e-9);
  EXPECT_NEAR(std::log(out.at("ppl_byte").get<double>()), total / out.at("bytes").get<int>(), 1e-9);
  EXPECT_LT(out.at("bytes").get<size_t>(), text.size());
}

TEST(EvalKl, ComparesCacheTypes) {
  const TemporaryFolder folder;
  const std::string text = read_file(std::string(TARN_TEST_DATA) + "/pebble/heldout.txt");
  const std::string file = (folder / "text.txt").string();
  testing::write(file, text.substr(0, 3000));
  const std::string command = "eval kl pebble pebble --window 400 --ref-kv-type f32 --text " + file;
  const json same = run_json(command + " --kv-type f32");
  EXPECT_EQ(same.at("kl").at("max"), 0.0);
  EXPECT_EQ(same.at("same_top1"), 1.0);
  EXPECT_EQ(same.at("ppl"), same.at("reference_ppl"));
  double before = 0;
  for (const char* type : {"bf16", "int8", "int4"}) {
    const json out = run_json(command + " --kv-type " + type);
    const double kl = out.at("kl").at("mean").get<double>();
    EXPECT_GT(kl, before) << type;
    EXPECT_LT(kl, 0.05) << type;
    EXPECT_LE(kl, out.at("kl").at("p99").get<double>());
    EXPECT_LE(out.at("kl").at("p99"), out.at("kl").at("max"));
    EXPECT_NEAR(out.at("ppl").get<double>(), out.at("reference_ppl").get<double>(), 2);
    EXPECT_GT(out.at("same_top1").get<double>(), 0.9);
    before = type == std::string("bf16") ? 0 : kl;
  }
  const auto wrong = run_tarn("eval kl pebble pebble --kv-type int3 --text " + file);
  EXPECT_EQ(wrong.status, 2);
  EXPECT_THAT(wrong.err, HasSubstr("choose f32, bf16, int8 or int4"));
}

TEST(Bench, HasItsThreeOutputs) {
  const std::string tests = "bench pebble -p 40 -n 6 -d 0,20 -r 2 -t 1 -o ";
  const auto as_json = run_tarn(tests + "json");
  ASSERT_EQ(as_json.status, 0) << as_json.err;
  const json out = parse_json(as_json.out, "stdout");
  ASSERT_EQ(out.at("tests").size(), 4U);
  EXPECT_EQ(out.at("tests")[2].at("test"), "pp40 @ d20");
  for (const json& test : out.at("tests")) {
    const json& speed = test.at("tokens_per_second");
    EXPECT_GT(speed.at("min").get<double>(), 0);
    EXPECT_LE(speed.at("min").get<double>(), speed.at("median").get<double>());
    EXPECT_LE(speed.at("median").get<double>(), speed.at("max").get<double>());
  }
  EXPECT_GT(out.at("bandwidth").at("limit").get<double>(), 1e8);
  EXPECT_GT(out.at("memory").at("peak_pool_bytes").get<size_t>(), 0U);
  EXPECT_GT(out.at("tests")[1].at("overhead").at("steps").get<double>(), 10);
  const auto as_csv = run_tarn(tests + "csv");
  EXPECT_EQ(std::count(as_csv.out.begin(), as_csv.out.end(), '\n'), 5);
  const size_t columns = static_cast<size_t>(std::count(
      as_csv.out.begin(), as_csv.out.begin() + static_cast<ptrdiff_t>(as_csv.out.find('\n')), ','));
  EXPECT_EQ(static_cast<size_t>(std::count(as_csv.out.begin(), as_csv.out.end(), ',')),
            columns * 5);
  const auto as_table = run_tarn(tests + "md");
  EXPECT_THAT(as_table.out, HasSubstr("| tg6 @ d20 |"));
  EXPECT_THAT(as_table.out, HasSubstr("time to first token"));
}

}  // namespace
}  // namespace tarn
