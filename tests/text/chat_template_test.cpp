// Chat templates of published models against what transformers rendered, and the API's contract.
#include "tarn/text/chat_template.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <thread>

#include "tarn/base/file.h"
#include "tarn/base/json.h"

namespace tarn::text {
namespace {

const std::filesystem::path kFolder = TARN_TEST_DATA "/templates";

std::chrono::local_seconds noon() {
  return std::chrono::local_days(std::chrono::year(2026) / 1 / 15) + std::chrono::hours(12);
}

ordered_json read_json(const std::filesystem::path& path) {
  return parse_ordered_json(read_file(path), path.string());
}

const ordered_json* member(const ordered_json& object, const char* name) {
  const auto found = object.find(name);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

void check_case(const ChatTemplate& chat_template, const ChatInputs& inputs,
                const ordered_json& expected) {
  try {
    const std::string text = chat_template.render(inputs);
    if (expected.contains("error")) {
      ADD_FAILURE() << "rendered, but should fail: " << expected.at("error");
    } else {
      EXPECT_EQ(text, expected.at("rendered").get<std::string>());
    }
  } catch (const TemplateError& error) {
    if (expected.contains("rendered")) {
      ADD_FAILURE() << error.what();
      return;
    }
    EXPECT_EQ(error.raised(), expected.at("raised_by_template").get<bool>());
    if (error.raised()) {
      EXPECT_EQ(error.what(), expected.at("error").get<std::string>());
    }
  }
}

TEST(ChatTemplate, RendersPublishedTemplatesAsTransformersDoes) {
  const ordered_json conversations = read_json(kFolder / "conversations.json");
  size_t checked = 0;
  for (const auto& entry : std::filesystem::directory_iterator(kFolder)) {
    if (entry.path().extension() != ".jinja") continue;
    const ChatTemplate chat_template(read_file(entry.path()), entry.path().stem().string());
    const ordered_json data =
        read_json(std::filesystem::path(entry.path()).replace_extension("json"));
    for (const auto& expected : data.at("cases")) {
      const auto name = expected.at("conversation").get<std::string>();
      SCOPED_TRACE(entry.path().stem().string() + " " + name);
      const ordered_json& conversation = conversations.at(name);
      ChatInputs inputs;
      inputs.messages = member(conversation, "messages");
      inputs.tools =
          expected.contains("tools") ? member(expected, "tools") : member(conversation, "tools");
      inputs.documents = member(conversation, "documents");
      inputs.add_generation_prompt = expected.at("add_generation_prompt").get<bool>();
      inputs.variables = member(data, "variables");
      inputs.kwargs = member(expected, "kwargs");
      inputs.now = noon();
      check_case(chat_template, inputs, expected);
      ++checked;
    }
  }
  EXPECT_EQ(checked, 1188U);
}

std::string render(const std::string& source, const ChatInputs& inputs = {}) {
  return ChatTemplate(source, "t.jinja").render(inputs);
}

std::string message_of(const std::string& source) {
  try {
    return "rendered: " + render(source);
  } catch (const TemplateError& error) {
    return error.what();
  }
}

TEST(ChatTemplate, ErrorsNameTheTemplateAndTheLine) {
  EXPECT_THAT(message_of("a\n{% if true %}\nb"), testing::StartsWith("t.jinja:3: "));
  EXPECT_THAT(message_of("a\n\n{{ missing.x }}\n"), testing::StartsWith("t.jinja:3: 'missing'"));
  EXPECT_EQ(message_of("{{ raise_exception('No.') }}"), "No.");
}

TEST(ChatTemplate, AbsentInputsAreNone) {
  EXPECT_EQ(render("{{ messages is none }}{{ tools is none }}{{ documents is none }}"
                   "{{ add_generation_prompt }}"),
            "TrueTrueTrueFalse");
}

TEST(ChatTemplate, KwargsWinOverVariables) {
  const ordered_json variables = {{"bos_token", "<s>"}, {"mode", "a"}};
  const ordered_json kwargs = {{"mode", "b"}};
  ChatInputs inputs;
  inputs.variables = &variables;
  inputs.kwargs = &kwargs;
  EXPECT_EQ(render("{{ bos_token }}{{ mode }}", inputs), "<s>b");
}

TEST(ChatTemplate, KeepsTheOrderOfKeys) {
  const ordered_json tools =
      parse_ordered_json(R"([{"z": 1, "a": {"y": 2.0, "b": [true, null]}}])", "test");
  ChatInputs inputs;
  inputs.tools = &tools;
  EXPECT_EQ(render("{{ tools | tojson }}", inputs),
            R"([{"z": 1, "a": {"y": 2.0, "b": [true, null]}}])");
}

TEST(ChatTemplate, RefusesNumbersThatItCannotHold) {
  const ordered_json kwargs = {{"x", uint64_t{1} << 63}};
  ChatInputs inputs;
  inputs.kwargs = &kwargs;
  EXPECT_THROW(render("{{ x }}", inputs), TemplateError);
  EXPECT_THROW(render("{{ 9223372036854775807 + 1 }}"), TemplateError);
  EXPECT_THROW(render("{{ 9223372036854775808 }}"), TemplateError);
}

TEST(ChatTemplate, RendersFromSeveralThreads) {
  const ChatTemplate chat_template(
      "{% set ns = namespace(n=0) %}{% for i in range(200) %}{% set ns.n = ns.n + i %}{% endfor %}"
      "{{ ns.n }}",
      "t.jinja");
  std::vector<std::string> results(4);
  std::vector<std::thread> threads;
  for (auto& result : results) {
    threads.emplace_back([&] { result = chat_template.render({}); });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_THAT(results, testing::Each("19900"));
}

}  // namespace
}  // namespace tarn::text
