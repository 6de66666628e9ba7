// `tarn tokenize` and `tarn detokenize`, as a script calls them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <string>

namespace {

struct Result {
  int code;
  std::string output;  // standard output and standard error
};

Result run(const std::string& input, const std::string& arguments) {
  const std::string command =
      "printf '%s' '" + input + "' | " TARN_BINARY " " + arguments + " 2>&1";
  FILE* pipe = popen(command.c_str(), "r");
  Result result{-1, {}};
  std::array<char, 4096> buffer{};
  for (size_t n; (n = fread(buffer.data(), 1, buffer.size(), pipe)) > 0;) {
    result.output.append(buffer.data(), n);
  }
  const int status = pclose(pipe);
  result.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return result;
}

const std::string kFolder = TARN_TEST_DATA "/tokenizers/sp_bpe";

TEST(TokenizeCommand, AnswersLineByLine) {
  const auto result = run(R"({"text": "Hello world"}
{"text": "Hello world", "add_special_tokens": false}

{"text": "a", "pair": "b"})",
                          "tokenize --jsonl " + kFolder);
  EXPECT_EQ(result.code, 0);
  EXPECT_THAT(result.output,
              testing::StartsWith(R"({"ids":[1,365,534,2129,822],"offsets":[[0,0],)"));
  EXPECT_THAT(result.output, testing::HasSubstr("{\"ids\":[365,534,2129,822],"));
  EXPECT_THAT(result.output, testing::HasSubstr("\"type_ids\":[0,0,1,1]"));
}

TEST(TokenizeCommand, TakesTheFileItself) {
  EXPECT_EQ(run("", "tokenize " + kFolder + "/tokenizer.json hello").code, 0);
}

TEST(TokenizeCommand, ABadLineIsNamed) {
  const auto result = run("{\"text\": \"a\"}\n{\"text\": 3}\n", "tokenize --jsonl " + kFolder);
  EXPECT_EQ(result.code, 1);
  EXPECT_THAT(result.output,
              testing::HasSubstr("tarn: tokenize: line 2: \"text\" must be a string"));
}

TEST(TokenizeCommand, MissingFile) {
  const auto result = run("", "tokenize --jsonl /nowhere/at/all");
  EXPECT_EQ(result.code, 1);
  EXPECT_THAT(result.output, testing::StartsWith("tarn: /nowhere/at/all"));
}

TEST(DetokenizeCommand, SkipsSpecialTokensUnlessTold) {
  const auto result =
      run("{\"ids\": [1, 365, 534]}\n{\"ids\": [1, 365, 534], "
          "\"skip_special_tokens\": false}\n",
          "detokenize --jsonl " + kFolder);
  EXPECT_EQ(result.code, 0);
  EXPECT_EQ(result.output, "{\"text\":\"Hell\"}\n{\"text\":\"<s> Hell\"}\n");
}

TEST(DetokenizeCommand, ABadLineIsNamed) {
  for (const char* bad : {"{\"ids\": [-1]}", "{\"ids\": [4294967296]}", "{\"ids\": 3}", "{", "3"}) {
    const auto result = run(bad, "detokenize --jsonl " + kFolder);
    EXPECT_EQ(result.code, 1) << bad;
    EXPECT_THAT(result.output, testing::StartsWith("tarn: detokenize: line 1: ")) << bad;
  }
}

}  // namespace
