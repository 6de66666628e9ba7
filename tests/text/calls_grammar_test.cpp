// Answers that the grammar of calls allows are calls that the parser reads back.
#include "tarn/text/chat/calls_grammar.h"

#include <gtest/gtest.h>

#include "tarn/base/json.h"
#include "tarn/text/chat/output_parser.h"
#include "tests/support/errors.h"

namespace tarn::text {
namespace {

const ordered_json& tools() {
  static const ordered_json all = ordered_json::parse(R"([
    {"type": "function", "function": {"name": "weather", "parameters": {"type": "object",
      "properties": {"city": {"type": "string"}, "days": {"type": "integer", "minimum": 1},
                     "unit": {"type": "string", "enum": ["c", "f"]}},
      "required": ["city"]}}},
    {"type": "function", "function": {"name": "now", "parameters": {"type": "object", "properties": {}}}}
  ])");
  return all;
}

struct Call {
  std::string name;
  ordered_json arguments;
};

std::vector<Call> read(ToolFormat format, const std::string& text) {
  OutputParser parser({format, {}}, tools());
  std::vector<OutputEvent> events;
  parser.push(text, events);
  parser.finish(events);
  std::vector<Call> calls;
  for (const OutputEvent& event : events) {
    if (event.kind == OutputEvent::Kind::call_begin) calls.push_back({event.name, {}});
    if (event.kind == OutputEvent::Kind::call_arguments) {
      calls.back().arguments = ordered_json::parse(event.text);
    }
    EXPECT_NE(event.kind, OutputEvent::Kind::content) << event.text;
  }
  return calls;
}

std::string envelope_text(ToolFormat format, const std::string& name,
                          const std::string& arguments) {
  const ToolEnvelope e = tool_envelope(format);
  return e.begin + e.before_name + name + e.before_arguments + arguments + e.after_arguments +
         e.end;
}

TEST(CallsGrammar, JsonArgumentsFollowTheSchema) {
  for (const ToolFormat format : {ToolFormat::hermes, ToolFormat::llama_json, ToolFormat::mistral,
                                  ToolFormat::deepseek, ToolFormat::granite}) {
    const Grammar grammar = calls_grammar(tool_envelope(format), tools(), 1);
    const std::string good = envelope_text(format, "weather", R"({"city": "Rome", "days": 3})");
    EXPECT_TRUE(grammar.matches(good)) << name(format) << ": " << good;
    const std::vector<Call> calls = read(format, good);
    ASSERT_EQ(calls.size(), 1U) << name(format);
    EXPECT_EQ(calls[0].name, "weather");
    EXPECT_EQ(calls[0].arguments, ordered_json::parse(R"({"city": "Rome", "days": 3})"));
    EXPECT_TRUE(grammar.matches(envelope_text(format, "now", "{}")));
    EXPECT_FALSE(grammar.matches(envelope_text(format, "weather", R"({"days": 3})")));
    EXPECT_FALSE(
        grammar.matches(envelope_text(format, "weather", R"({"city": "Rome", "days": 0})")));
    EXPECT_FALSE(grammar.matches(envelope_text(format, "other", "{}")));
    EXPECT_FALSE(grammar.matches("Hello"));
  }
}

TEST(CallsGrammar, ParametersAsText) {
  const Grammar grammar = calls_grammar(tool_envelope(ToolFormat::qwen_xml), tools(), 1);
  const auto text = [](const std::string& parameters) {
    return "<tool_call>\n<function=weather>\n" + parameters + "</function>\n</tool_call>";
  };
  const auto parameter = [](const std::string& key, const std::string& value) {
    return "<parameter=" + key + ">\n" + value + "\n</parameter>\n";
  };
  const std::string awkward = "Rome </parameter> \"x\"\n<b>";
  const std::string good =
      text(parameter("city", awkward) + parameter("days", "12") + parameter("unit", "c"));
  EXPECT_TRUE(grammar.matches(good));
  const std::vector<Call> calls = read(ToolFormat::qwen_xml, good);
  ASSERT_EQ(calls.size(), 1U);
  EXPECT_EQ(calls[0].arguments, (ordered_json{{"city", awkward}, {"days", 12}, {"unit", "c"}}));
  EXPECT_TRUE(grammar.matches(text(parameter("city", ""))));
  EXPECT_TRUE(grammar.matches(text(parameter("city", "x") + parameter("unit", "f"))));
  EXPECT_FALSE(grammar.matches(text(parameter("days", "12")))) << "city is required";
  EXPECT_FALSE(grammar.matches(text(parameter("city", "x") + parameter("days", "many"))));
  EXPECT_FALSE(grammar.matches(text(parameter("city", "x") + parameter("unit", "k"))));
  EXPECT_FALSE(grammar.matches(text(parameter("city", "x\n</parameter>\nand more"))));
}

TEST(CallsGrammar, SeveralCallsUpToTheMost) {
  const ToolEnvelope e = tool_envelope(ToolFormat::hermes);
  const std::string call = e.before_name + "now" + e.before_arguments + "{}" + e.after_arguments;
  const auto text = [&](int count) {
    std::string all = e.begin + call;
    for (int i = 1; i < count; ++i) all += e.separator + call;
    return all + e.end;
  };
  const Grammar grammar = calls_grammar(e, tools(), 3);
  EXPECT_TRUE(grammar.matches(text(1)));
  EXPECT_TRUE(grammar.matches(text(3)));
  EXPECT_FALSE(grammar.matches(text(4)));
  EXPECT_EQ(read(ToolFormat::hermes, text(3)).size(), 3U);
}

TEST(CallsGrammar, NamesTheToolWhoseSchemaIsNotUnderstood) {
  const ordered_json strange = ordered_json::parse(
      R"([{"type": "function", "function": {"name": "odd", "parameters": {"type": "object", "properties": {"x": {"if": {}}}}}}])");
  EXPECT_NE(
      error_of([&] { calls_grammar(tool_envelope(ToolFormat::hermes), strange, 1); }).find("odd"),
      std::string::npos);
}

}  // namespace
}  // namespace tarn::text
