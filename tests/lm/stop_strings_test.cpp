#include "tarn/lm/stop_strings.h"

#include <gtest/gtest.h>

#include "tarn/base/error.h"

namespace tarn {
namespace {

// Every way of cutting the text into pieces gives this result.
void expect_all_cuts(const std::vector<std::string>& stops, const std::string& text,
                     const std::string& shown, const std::string& found) {
  ASSERT_LT(text.size(), 14U);
  for (uint32_t cuts = 0; cuts < 1U << (text.size() - 1); ++cuts) {
    StopStrings matcher(stops);
    std::string all;
    std::string piece;
    for (size_t i = 0; i < text.size(); ++i) {
      piece += text[i];
      if (i + 1 == text.size() || ((cuts >> i) & 1U) != 0) {
        all += matcher.push(piece);
        piece.clear();
      }
    }
    if (!matcher.stopped()) all += matcher.flush();
    ASSERT_EQ(all, shown) << cuts;
    ASSERT_EQ(matcher.found(), found) << cuts;
  }
}

TEST(StopStrings, HoldBackOnlyWhatMayBeginOne) {
  StopStrings matcher({"</s>", "END"});
  EXPECT_EQ(matcher.push("a<"), "a");
  EXPECT_EQ(matcher.push("b</"), "<b");
  EXPECT_EQ(matcher.push("/E"), "<//");
  EXPECT_EQ(matcher.push("N"), "");
  EXPECT_EQ(matcher.flush(), "EN");
}

TEST(StopStrings, TheOutcomeDoesNotDependOnTheCuts) {
  expect_all_cuts({"stop"}, "one stop two", "one ", "stop");
  expect_all_cuts({"aab"}, "aaaab", "aa", "aab");
  expect_all_cuts({"abcd", "bc"}, "xabcd", "xa", "bc");
  expect_all_cuts({"c", "abc", "bc"}, "xabcd", "x", "abc");
  expect_all_cuts({"xyz"}, "xyxyx", "xyxyx", "");
}

TEST(StopStrings, RefuseAnEmptyOne) { EXPECT_THROW(StopStrings({"a", ""}), Error); }

}  // namespace
}  // namespace tarn
