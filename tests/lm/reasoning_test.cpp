#include "tarn/lm/reasoning.h"

#include <gtest/gtest.h>

namespace tarn {
namespace {

// The same parts come out however the text is cut.
void expect_parts(bool in_reasoning, const std::string& text, const std::string& reasoning,
                  const std::string& answer) {
  for (size_t piece = 1; piece <= text.size(); ++piece) {
    std::string shown[2];
    ReasoningSplitter splitter(in_reasoning, [&](std::string_view part, bool is_reasoning) {
      shown[is_reasoning ? 1 : 0] += part;
    });
    for (size_t i = 0; i < text.size(); i += piece) splitter.push(text.substr(i, piece));
    splitter.finish();
    EXPECT_EQ(splitter.reasoning(), reasoning) << piece;
    EXPECT_EQ(splitter.answer(), answer) << piece;
    EXPECT_EQ(shown[1], reasoning);
    EXPECT_EQ(shown[0], answer);
  }
}

TEST(ReasoningSplitter, SplitsAtTheTags) {
  expect_parts(false, "\n<think>\na < b </b>\n</think>\n\nYes.\n", "a < b </b>", "Yes.\n");
  expect_parts(true, "7 + 7 = 14.\n</think>\n\n14", "7 + 7 = 14.", "14");
  expect_parts(true, "\n\n</think>\n\n14", "", "14");
  expect_parts(true, "cut off </thi", "cut off </thi", "");
  expect_parts(false, "<thin ice> and <think>", "", "<thin ice> and <think>");
  expect_parts(false, "<think", "", "<think");
}

TEST(ReasoningSplitter, KnowsWhetherAPromptOpensReasoning) {
  EXPECT_TRUE(ends_in_reasoning("...assistant\n<think>\n"));
  EXPECT_FALSE(ends_in_reasoning("...assistant\n<think>\n\n</think>\n\n"));
  EXPECT_FALSE(ends_in_reasoning(""));
}

}  // namespace
}  // namespace tarn
