// Conversations with the embedded model.
#include "tarn/lm/session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tarn/base/error.h"
#include "tarn/base/json.h"
#include "tarn/base/team.h"
#include "tests/support/errors.h"

namespace tarn {
namespace {

using ::testing::HasSubstr;

const LoadedModel& pebble() {
  // So small a model gains little from more, and tests that run side by side would wait for each
  // other's threads.
  static const bool one_thread = (Team::set_size(1), true);
  EXPECT_TRUE(one_thread);
  static const LoadedModel model(std::filesystem::path(TARN_MODELS_DIR) / "pebble");
  return model;
}

TEST(LoadedModel, KnowsItsEndTokens) {
  EXPECT_EQ(pebble().end_tokens(), (std::vector<int32_t>{4089, 4087}));
  EXPECT_TRUE(pebble().has_chat_template());
}

TEST(LoadedModel, SaysWhatIsMissing) {
  const LoadedModel bare(std::filesystem::path(TARN_TEST_DATA) / "golden" / "llama");
  EXPECT_FALSE(bare.has_tokenizer());
  EXPECT_THAT(error_of([&] { Session session(bare); }), HasSubstr("tokenizer.json"));
}

TEST(Session, EachTurnStartsFromTheLast) {
  Session session(pebble());
  session.set_thinking(false);
  const Reply first = session.answer("What is 17 + 25?", {});
  EXPECT_EQ(first.answer, "42");
  EXPECT_EQ(first.generated.finish_reason, FinishReason::stop);
  const Reply second = session.answer("What is 30 + 4?", {});
  EXPECT_EQ(second.answer, "34");
  // Thinking goes away from the prompt of a later turn: the state behind the question does not.
  EXPECT_GE(second.generated.cached_tokens, 14);
  ASSERT_EQ(session.messages().size(), 4U);

  // The same conversation without what was remembered.
  Session fresh(pebble());
  fresh.set_thinking(false);
  ordered_json messages = session.messages();
  messages.erase(messages.end() - 2, messages.end());
  fresh.set_messages(messages, "test");
  const Reply again = fresh.answer("What is 30 + 4?", {});
  EXPECT_EQ(again.generated.cached_tokens, 0);
  EXPECT_EQ(again.generated.tokens, second.generated.tokens);
}

TEST(Session, SplitsReasoningFromTheAnswer) {
  Session session(pebble());
  session.set_thinking(true);
  std::string shown[2];
  const Reply reply = session.answer(
      "What is 17 + 25?", {}, [&](std::string_view text, bool r) { shown[r ? 1 : 0] += text; });
  EXPECT_EQ(reply.answer, "42");
  EXPECT_THAT(reply.reasoning, HasSubstr("So 17 + 25 = 42."));
  EXPECT_EQ(shown[0], reply.answer);
  EXPECT_EQ(shown[1], reply.reasoning);
  EXPECT_EQ(session.messages()[1].at("reasoning_content"), reply.reasoning);
}

TEST(Session, AnErrorLeavesTheConversationAsItWas) {
  Session session(pebble());
  session.set_system("You are brief.");
  std::string endless;
  for (int i = 0; i < 3000; ++i) endless += "zq ";
  EXPECT_THAT(error_of([&] { session.answer(endless, {}); }), HasSubstr("context"));
  EXPECT_EQ(session.messages().size(), 1U);
  EXPECT_EQ(session.system(), "You are brief.");
  session.set_thinking(false);
  EXPECT_EQ(session.answer("What is 17 + 25?", {}).answer, "42");
  session.clear();
  EXPECT_EQ(session.messages().size(), 1U);
  EXPECT_THAT(error_of([&] {
                session.set_messages({{"role", "user"}}, "x.json");
              }),
              HasSubstr("x.json"));
}

TEST(Session, PassesToolCallsThrough) {
  Session session(pebble());
  session.set_thinking(false);
  session.set_tools(ordered_json::parse(R"([{"type": "function", "function": {
      "name": "get_weather", "description": "Get the weather in a city.", "parameters": {
        "type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}}])"));
  const Reply reply = session.answer("What is the weather in Paris?", {});
  EXPECT_THAT(reply.answer, HasSubstr("<tool_call>\n<function=get_weather>"));
  EXPECT_THAT(reply.answer, HasSubstr("Paris"));
}

}  // namespace
}  // namespace tarn
