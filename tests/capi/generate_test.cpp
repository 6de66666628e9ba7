#include <atomic>
#include <cmath>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <thread>

#include "tests/capi/capi_test.h"

namespace tarn::capi {
namespace {

using nlohmann::ordered_json;
using testing::HasSubstr;

struct Event {
  tarn_event_kind kind;
  std::string text;
  std::string name;
};

int collect(const tarn_event* event, void* user) {
  EXPECT_EQ(event->text[event->length], '\0');
  static_cast<std::vector<Event>*>(user)->push_back(
      {event->kind, std::string(event->text, event->length),
       event->call_name == nullptr ? "" : event->call_name});
  return 0;
}

TEST(CapiGenerate, StreamsAnAnswer) {
  const auto generation = new_generation();
  const tarn_generate_options options = question(sum_question);
  std::vector<Event> events;
  tarn_result result = tarn_result_default();
  ASSERT_EQ(tarn_generate(generation.get(), &options, collect, &events, &result), TARN_OK)
      << tarn_last_error();
  std::string content;
  for (const Event& event : events) {
    EXPECT_EQ(event.kind, TARN_EVENT_CONTENT);
    content += event.text;
  }
  EXPECT_EQ(content, "614");
  EXPECT_EQ(text_of(generation.get()), "614");
  EXPECT_EQ(text_of(generation.get(), TARN_TEXT_REASONING), "");
  EXPECT_EQ(ordered_json::parse(text_of(generation.get(), TARN_TEXT_MESSAGE)),
            ordered_json({{"role", "assistant"}, {"content", "614"}}));
  EXPECT_EQ(result.finish_reason, TARN_FINISH_STOP);
  EXPECT_GT(result.prompt_tokens, 10);
  const int32_t* tokens = nullptr;
  size_t count = 0;
  ASSERT_EQ(tarn_generation_tokens(generation.get(), &tokens, &count), TARN_OK);
  EXPECT_EQ(static_cast<int64_t>(count), result.generated_tokens);
  EXPECT_GT(count, 1U);
  EXPECT_EQ(result.tool_calls, 0);
  EXPECT_GT(result.first_token_seconds, 0);
}

TEST(CapiGenerate, TellsReasoningFromTheAnswer) {
  const auto generation = new_generation();
  tarn_generate_options options = question(sum_question);
  options.template_kwargs = "{\"enable_thinking\": true}";
  std::vector<Event> events;
  ASSERT_EQ(tarn_generate(generation.get(), &options, collect, &events, nullptr), TARN_OK);
  ASSERT_FALSE(events.empty());
  EXPECT_EQ(events.front().kind, TARN_EVENT_REASONING);
  EXPECT_EQ(text_of(generation.get()), "614");
  EXPECT_NE(text_of(generation.get(), TARN_TEXT_REASONING), "");
  EXPECT_THAT(text_of(generation.get(), TARN_TEXT_MESSAGE), HasSubstr("reasoning_content"));
}

constexpr const char* garage = R"([{"role": "user", "content": "Set the garage to 17 degrees."}])";
constexpr const char* tools = R"([{"type": "function", "function": {"name": "set_temperature",
  "description": "Set the room temperature.", "parameters": {"type": "object", "properties": {
  "room": {"type": "string", "description": "Room"},
  "degrees": {"type": "integer", "description": "Degrees Celsius"}},
  "required": ["room", "degrees"]}}}])";

TEST(CapiGenerate, ReportsToolCalls) {
  for (const tarn_constraint constraint : {TARN_CONSTRAINT_NONE, TARN_CONSTRAINT_TOOL_CALL}) {
    const auto generation = new_generation();
    tarn_generate_options options = question(garage);
    options.tools = tools;
    options.constraint = constraint;
    std::vector<Event> events;
    tarn_result result = tarn_result_default();
    ASSERT_EQ(tarn_generate(generation.get(), &options, collect, &events, &result), TARN_OK)
        << tarn_last_error();
    ASSERT_EQ(result.tool_calls, 1);
    EXPECT_EQ(events.back().kind, TARN_EVENT_TOOL_CALL);
    EXPECT_EQ(events.back().name, "set_temperature");
    EXPECT_EQ(ordered_json::parse(events.back().text),
              ordered_json({{"room", "garage"}, {"degrees", 17}}));
    const auto message = ordered_json::parse(text_of(generation.get(), TARN_TEXT_MESSAGE));
    EXPECT_EQ(message["tool_calls"][0]["function"]["name"], "set_temperature");
    EXPECT_NE(message["tool_calls"][0]["id"], "");
    // The message is one that a conversation can go on with.
    const ordered_json next{{{"role", "user"}, {"content", "Set the garage to 17 degrees."}},
                            message,
                            {{"role", "tool"}, {"content", "done"}}};
    char* prompt = nullptr;
    ASSERT_EQ(tarn_apply_chat_template(pebble(), next.dump().c_str(), tools, nullptr, &prompt),
              TARN_OK)
        << tarn_last_error();
    EXPECT_THAT(prompt, HasSubstr("set_temperature"));
    tarn_free(prompt);
  }
}

TEST(CapiGenerate, KeepsToAConstraint) {
  struct Case {
    tarn_constraint kind;
    const char* text;
    const char* answer;
  };
  for (const Case& c : {Case{TARN_CONSTRAINT_REGEX, "no|never", "n"},
                        Case{TARN_CONSTRAINT_GBNF, "root ::= \"yes\" | \"yeah\"", "ye"},
                        Case{TARN_CONSTRAINT_JSON_SCHEMA, R"({"const": [1, "a"]})", "["},
                        Case{TARN_CONSTRAINT_JSON, nullptr, "{"}}) {
    const auto generation = new_generation();
    tarn_generate_options options = question(sum_question);
    options.constraint = c.kind;
    options.constraint_text = c.text;
    ASSERT_EQ(tarn_generate(generation.get(), &options, nullptr, nullptr, nullptr), TARN_OK)
        << tarn_last_error();
    EXPECT_THAT(text_of(generation.get()), testing::StartsWith(c.answer)) << c.kind;
  }
}

TEST(CapiGenerate, TextTokensAndStopStrings) {
  int32_t* tokens = nullptr;
  size_t count = 0;
  ASSERT_EQ(tarn_tokenize(pebble(), "1 2 3 4", 0, &tokens, &count), TARN_OK);
  const std::unique_ptr<void, Free> owner(tokens);
  tarn_generate_options options = tarn_generate_options_default();
  options.temperature = 0;
  options.max_tokens = 12;
  options.ignore_end = 1;
  options.prompt = "1 2 3 4";
  const auto by_text = new_generation();
  tarn_result result = tarn_result_default();
  ASSERT_EQ(tarn_generate(by_text.get(), &options, nullptr, nullptr, &result), TARN_OK);
  EXPECT_EQ(result.finish_reason, TARN_FINISH_LENGTH);
  EXPECT_EQ(result.generated_tokens, 12);
  options.prompt = nullptr;
  options.tokens = tokens;
  options.num_tokens = count;
  const auto by_tokens = new_generation();
  ASSERT_EQ(tarn_generate(by_tokens.get(), &options, nullptr, nullptr, nullptr), TARN_OK);
  const std::string all = text_of(by_tokens.get());
  EXPECT_EQ(all, text_of(by_text.get()));

  ASSERT_GT(all.size(), 4U);
  const std::string stop = all.substr(3, 1);
  const char* stops[] = {"never said", stop.c_str()};
  options.stop = stops;
  options.num_stop = 2;
  const auto stopped = new_generation();
  ASSERT_EQ(tarn_generate(stopped.get(), &options, nullptr, nullptr, &result), TARN_OK);
  EXPECT_EQ(text_of(stopped.get()), all.substr(0, all.find(stop)));
  EXPECT_EQ(result.finish_reason, TARN_FINISH_STOP);
}

TEST(CapiGenerate, TheSameSeedGivesTheSameAnswer) {
  std::vector<std::string> answers;
  for (const int64_t seed : {7, 7, 8, 9, 10}) {
    tarn_generate_options options = tarn_generate_options_default();
    options.prompt = "The";
    options.temperature = 1;
    options.top_k = 0;
    options.top_p = 1;
    options.max_tokens = 16;
    options.seed = seed;
    const auto generation = new_generation();
    ASSERT_EQ(tarn_generate(generation.get(), &options, nullptr, nullptr, nullptr), TARN_OK);
    answers.push_back(text_of(generation.get()));
  }
  EXPECT_EQ(answers[0], answers[1]);
  EXPECT_FALSE(answers[2] == answers[0] && answers[3] == answers[0] && answers[4] == answers[0]);
}

// An answer that would go on for as long as the context is.
tarn_generate_options endless() {
  tarn_generate_options options = tarn_generate_options_default();
  options.prompt = "The";
  options.ignore_end = 1;
  return options;
}

TEST(CapiCancel, ByTheCallback) {
  const auto generation = new_generation();
  const tarn_generate_options options = endless();
  int calls = 0;
  const auto stop = [](const tarn_event*, void* user) {
    return ++*static_cast<int*>(user) == 3 ? 1 : 0;
  };
  tarn_result result = tarn_result_default();
  ASSERT_EQ(tarn_generate(generation.get(), &options, stop, &calls, &result), TARN_OK);
  EXPECT_EQ(calls, 3);
  EXPECT_EQ(result.finish_reason, TARN_FINISH_CANCELLED);
  EXPECT_NE(text_of(generation.get()), "");
}

TEST(CapiCancel, FromAnotherThread) {
  const auto generation = new_generation();
  const tarn_generate_options options = endless();
  std::atomic<bool> begun{false};
  std::thread other([&] {
    while (!begun) std::this_thread::yield();
    tarn_cancel(generation.get());
  });
  const auto note = [](const tarn_event*, void* user) {
    *static_cast<std::atomic<bool>*>(user) = true;
    return 0;
  };
  tarn_result result = tarn_result_default();
  ASSERT_EQ(tarn_generate(generation.get(), &options, note, &begun, &result), TARN_OK);
  other.join();
  EXPECT_EQ(result.finish_reason, TARN_FINISH_CANCELLED);
}

TEST(CapiCancel, BeforeTheBeginningAndAfterTheEnd) {
  const auto generation = new_generation();
  tarn_cancel(generation.get());
  const tarn_generate_options options = endless();
  tarn_result result = tarn_result_default();
  ASSERT_EQ(tarn_generate(generation.get(), &options, nullptr, nullptr, &result), TARN_OK);
  EXPECT_EQ(result.finish_reason, TARN_FINISH_CANCELLED);
  EXPECT_LE(result.generated_tokens, 2);
  tarn_cancel(generation.get());
  tarn_cancel(nullptr);
}

TEST(CapiCancel, ByTime) {
  const auto generation = new_generation();
  tarn_generate_options options = endless();
  options.timeout = 0.05;
  tarn_result result = tarn_result_default();
  ASSERT_EQ(tarn_generate(generation.get(), &options, nullptr, nullptr, &result), TARN_OK);
  EXPECT_EQ(result.finish_reason, TARN_FINISH_TIMEOUT);
}

TEST(CapiThreads, EightAtOnceAnswerAsAlone) {
  std::vector<std::string> questions, expected;
  for (int i = 0; i < 8; ++i) {
    questions.push_back(R"([{"role": "user", "content": ")" + std::to_string(31 + 7 * i) +
                        R"( + 45 = ?"}])");
    const auto generation = new_generation();
    const tarn_generate_options options = question(questions.back().c_str());
    ASSERT_EQ(tarn_generate(generation.get(), &options, nullptr, nullptr, nullptr), TARN_OK);
    expected.push_back(text_of(generation.get()));
  }
  std::vector<std::string> answers(8);
  std::vector<std::thread> threads;
  for (size_t i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] {
      const auto generation = new_generation();
      const tarn_generate_options options = question(questions[i].c_str());
      EXPECT_EQ(tarn_generate(generation.get(), &options, nullptr, nullptr, nullptr), TARN_OK)
          << tarn_last_error();
      answers[i] = text_of(generation.get());
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(answers, expected);
}

TEST(CapiThreads, ACallbackMayCallTheLibrary) {
  const auto generation = new_generation();
  const tarn_generate_options options = question(sum_question);
  std::string inner;
  const auto ask = [](const tarn_event*, void* user) {
    auto& answer = *static_cast<std::string*>(user);
    if (!answer.empty()) return 0;
    const auto nested = new_generation();
    const tarn_generate_options more = question(sum_question);
    EXPECT_EQ(tarn_generate(nested.get(), &more, nullptr, nullptr, nullptr), TARN_OK);
    answer = text_of(nested.get());
    return 0;
  };
  ASSERT_EQ(tarn_generate(generation.get(), &options, ask, &inner, nullptr), TARN_OK);
  EXPECT_EQ(inner, "614");
  EXPECT_EQ(text_of(generation.get()), "614");
}

TEST(CapiGenerate, RefusesWhatItCannotDo) {
  const auto refuse = [](const char* words, auto change,
                         tarn_status expected = TARN_INVALID_ARGUMENT) {
    tarn_generate_options options = question(sum_question);
    change(options);
    const auto generation = new_generation();
    expect_refused(tarn_generate(generation.get(), &options, nullptr, nullptr, nullptr), words,
                   expected);
  };
  using Options = tarn_generate_options;
  refuse("exactly one", [](Options& o) { o.prompt = "x"; });
  refuse("exactly one", [](Options& o) { o.messages = nullptr; });
  refuse("messages", [](Options& o) { o.messages = "[{"; });
  refuse("messages", [](Options& o) { o.messages = "{}"; });
  refuse("messages", [](Options& o) { o.messages = "[]"; });
  refuse("messages[0]", [](Options& o) { o.messages = "[{\"role\": 3}]"; });
  refuse("messages",
         [](Options& o) { o.messages = "[{\"role\": \"user\", \"content\": \"\xff\"}]"; });
  refuse("tools", [](Options& o) { o.tools = "3"; });
  refuse("tools[0]", [](Options& o) { o.tools = "[{\"function\": {}}]"; });
  refuse("template_kwargs", [](Options& o) { o.template_kwargs = "[]"; });
  refuse("messages only", [](Options& o) {
    o.messages = nullptr;
    o.prompt = "x";
  });
  refuse("max_tokens", [](Options& o) { o.max_tokens = 0; });
  refuse("timeout", [](Options& o) { o.timeout = -1; });
  refuse("timeout", [](Options& o) { o.timeout = std::nan(""); });
  refuse("stop", [](Options& o) { o.num_stop = 17; });
  refuse("stop", [](Options& o) { o.num_stop = 1; });
  refuse("temperature", [](Options& o) { o.temperature = std::nan(""); });
  refuse("temperature", [](Options& o) { o.temperature = 1e9; });
  refuse("top_p", [](Options& o) { o.top_p = 1.5; });
  refuse("frequency_penalty",
         [](Options& o) { o.frequency_penalty = std::numeric_limits<double>::infinity(); });
  refuse("constraint_text", [](Options& o) { o.constraint = TARN_CONSTRAINT_REGEX; });
  refuse("constraint", [](Options& o) { o.constraint = TARN_CONSTRAINT_TOOL_CALL; });
  refuse("constraint", [](Options& o) {
    const int none = 99;
    std::memcpy(&o.constraint, &none, sizeof(none));
  });
  refuse("constraint_text", [](Options& o) {
    o.constraint = TARN_CONSTRAINT_JSON_SCHEMA;
    o.constraint_text = "{";
  });
  refuse("", [](Options& o) {
    o.constraint = TARN_CONSTRAINT_GBNF;
    o.constraint_text = "root ::= (";
  });
  refuse("size", [](Options& o) { o.size = 3; });
  refuse("newer", [](Options& o) { o.size += 8; });
}

TEST(CapiGenerate, RefusesTokensThatAreNone) {
  for (const std::vector<int32_t>& tokens : {std::vector<int32_t>{}, {-1}, {1 << 30}}) {
    tarn_generate_options options = tarn_generate_options_default();
    const int32_t none = 0;
    options.tokens = tokens.empty() ? &none : tokens.data();
    options.num_tokens = tokens.size();
    const auto generation = new_generation();
    expect_refused(tarn_generate(generation.get(), &options, nullptr, nullptr, nullptr), "prompt");
  }
  const std::vector<int32_t> many(100000, 1);
  tarn_generate_options options = tarn_generate_options_default();
  options.tokens = many.data();
  options.num_tokens = many.size();
  const auto generation = new_generation();
  expect_refused(tarn_generate(generation.get(), &options, nullptr, nullptr, nullptr), "context");
}

TEST(CapiGenerate, RunsOnceAndIsReadAfterwards) {
  const auto generation = new_generation();
  const char* text = nullptr;
  const int32_t* tokens = nullptr;
  size_t count = 0;
  expect_refused(tarn_generation_text(generation.get(), TARN_TEXT_CONTENT, &text, nullptr),
                 "no answer");
  expect_refused(tarn_generation_tokens(generation.get(), &tokens, &count), "no answer");
  const tarn_generate_options options = question(sum_question);
  ASSERT_EQ(tarn_generate(generation.get(), &options, nullptr, nullptr, nullptr), TARN_OK);
  expect_refused(tarn_generate(generation.get(), &options, nullptr, nullptr, nullptr), "already");
  EXPECT_EQ(text_of(generation.get()), "614");
  tarn_text_kind none;
  std::memset(&none, 0x55, sizeof(none));
  expect_refused(tarn_generation_text(generation.get(), none, &text, nullptr), "kind");
}

TEST(CapiGenerate, RefusesNull) {
  const auto generation = new_generation();
  const tarn_generate_options options = question(sum_question);
  const char* text = nullptr;
  const int32_t* tokens = nullptr;
  size_t count = 0;
  expect_refused(tarn_generation_create(nullptr, nullptr), "model");
  expect_refused(tarn_generation_create(pebble(), nullptr), "generation");
  expect_refused(tarn_generate(nullptr, &options, nullptr, nullptr, nullptr), "generation");
  expect_refused(tarn_generate(generation.get(), nullptr, nullptr, nullptr, nullptr), "options");
  expect_refused(tarn_generation_text(nullptr, TARN_TEXT_CONTENT, &text, nullptr), "generation");
  expect_refused(tarn_generation_text(generation.get(), TARN_TEXT_CONTENT, nullptr, nullptr),
                 "text");
  expect_refused(tarn_generation_tokens(generation.get(), nullptr, &count), "tokens");
  expect_refused(tarn_generation_tokens(generation.get(), &tokens, nullptr), "count");
  tarn_result result = tarn_result_default();
  result.size = 4;
  expect_refused(tarn_generate(generation.get(), &options, nullptr, nullptr, &result), "size");
  tarn_generation_free(nullptr);
}

}  // namespace
}  // namespace tarn::capi
