// `tarn template`: its lines in and out, and its exit codes.
#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>
#include <string>

#include "tarn/base/file.h"
#include "tarn/base/json.h"

namespace tarn {
namespace {

struct Result {
  int status;
  std::string out;
};

class TemplateCommand : public testing::Test {
 protected:
  Result run(const std::string& source, const std::string& lines) {
    write_file(folder_ / "t.jinja", source);
    write_file(folder_ / "in.jsonl", lines);
    const std::string path = folder_.string();
    const std::string command = std::string(TARN_BINARY) + " template " + path +
                                "/t.jinja --jsonl < " + path + "/in.jsonl 2>&1";
    FILE* pipe = popen(command.c_str(), "r");
    Result result{};
    char buffer[4096];
    while (const size_t n = std::fread(buffer, 1, sizeof buffer, pipe))
      result.out.append(buffer, n);
    result.status = pclose(pipe);
    return result;
  }
  void SetUp() override {
    std::string path = testing::TempDir() + "tarn_template_XXXXXX";
    ASSERT_NE(mkdtemp(path.data()), nullptr);
    folder_ = path;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path folder_;
};

TEST_F(TemplateCommand, AnswersEachLine) {
  const Result result =
      run("{{ bos }}{{ messages[0].content }}{{ strftime_now('%H') }}{% if stop %}{{ "
          "raise_exception('é') }}{% endif %}",
          "{\"messages\": [{\"content\": \"a\\u2028\"}], \"now\": \"2026-01-15T12:00:00\", "
          "\"variables\": {\"bos\": \"<s>\"}}\n"
          "\n"
          "{\"messages\": [{}], \"tools\": null, \"kwargs\": {\"stop\": true}}\n"
          "{\"messages\": []}\n");
  EXPECT_EQ(result.status, 0);
  EXPECT_TRUE(result.out.starts_with(
      "{\"text\":\"<s>a\\u202812\"}\n{\"error\":\"\\u00e9\",\"raised\":true}\n"
      "{\"error\":\""))
      << result.out;
  EXPECT_TRUE(result.out.ends_with("\"raised\":false}\n")) << result.out;
}

TEST_F(TemplateCommand, BrokenTemplateFailsEachLine) {
  const Result result = run("{% if %}", "{\"messages\": []}\n{\"messages\": []}\n");
  EXPECT_EQ(result.status, 0);
  EXPECT_EQ(std::count(result.out.begin(), result.out.end(), '\n'), 2);
  EXPECT_NE(result.out.find("\"raised\":false"), std::string::npos) << result.out;
}

TEST_F(TemplateCommand, BadInputNamesTheLine) {
  for (const char* line :
       {"{", "[]", "{\"messages\": 1}", "{\"message\": []}", "{\"now\": \"noon\"}"}) {
    const Result result = run("x", std::string("{\"messages\": []}\n") + line + "\n");
    EXPECT_EQ(WEXITSTATUS(result.status), 1) << line;
    EXPECT_NE(result.out.find("tarn: stdin line 2: "), std::string::npos) << result.out;
  }
}

}  // namespace
}  // namespace tarn
