// The embedded model's tool questions: what it is expected to write is what the parser reads, and
// what its template shows of that call.
#include <gtest/gtest.h>

#include <sstream>

#include "tests/text/chat_output_test.h"

namespace tarn::text {
namespace {

TEST(Pebble, ItsToolCallsAreRead) {
  const std::string source = read_file(TARN_MODELS_DIR "/pebble/chat_template.jinja");
  const OutputSyntax syntax = detect_output_syntax(source);
  std::istringstream lines(read_file(TARN_TEST_DATA "/pebble/eval.jsonl"));
  size_t calls = 0;
  size_t plain = 0;
  for (std::string line; std::getline(lines, line);) {
    const ordered_json question = parse_ordered_json(line, "eval.jsonl");
    const auto prompt = question.at("prompt").get<std::string>();
    const auto answer = question.at("expected").get<std::string>();
    SCOPED_TRACE(question.at("id").get<std::string>());
    OutputOptions options;
    options.in_reasoning = ends_in_reasoning(prompt, syntax);
    EXPECT_EQ(options.in_reasoning, question.at("enable_thinking").get<bool>());
    const std::string text = options.in_reasoning ? "Hm.\n</think>\n\n" + answer : answer;
    const Parsed parsed =
        parse_pieces(syntax, question.value("tools", ordered_json()), options, {text});
    EXPECT_EQ(parsed.reasoning, options.in_reasoning ? "Hm." : "");
    const ordered_json expected = question.value("expected_tool_calls", ordered_json());
    if (!expected.is_array() || expected.empty()) {
      EXPECT_EQ(parsed.content, answer);
      EXPECT_TRUE(parsed.calls.empty());
      ++plain;
      continue;
    }
    EXPECT_EQ(parsed.content, "");
    ASSERT_EQ(parsed.calls.size(), expected.size());
    for (size_t i = 0; i < expected.size(); ++i) {
      const ordered_json& function =
          expected[i].contains("function") ? expected[i].at("function") : expected[i];
      EXPECT_EQ(parsed.calls[i].name, function.at("name"));
      EXPECT_EQ(parse_json(parsed.calls[i].arguments, "arguments"),
                parse_json(function.at("arguments").dump(), "expected"));
      EXPECT_TRUE(parsed.calls[i].known);
      ++calls;
    }
  }
  EXPECT_EQ(calls, 50U);
  EXPECT_EQ(plain, 550U);
}

}  // namespace
}  // namespace tarn::text
