// What templates take, clients' messages made into that, and calls that templates show read back.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <set>

#include "tarn/base/error.h"
#include "tarn/base/file.h"
#include "tarn/base/json.h"
#include "tarn/text/chat/messages.h"
#include "tests/text/chat_output_test.h"

namespace tarn::text {
namespace {

const std::filesystem::path kFolder = TARN_TEST_DATA "/templates";

// What some templates ask of tools: descriptions and a type everywhere.
ordered_json shown_tools() {
  ordered_json tools = test_tools();
  for (ordered_json& tool : tools) {
    ordered_json& properties = tool["function"]["parameters"]["properties"];
    for (const char* loose : {"after", "page", "range", "code"}) properties.erase(loose);
    for (auto& [name, property] : properties.items()) {
      property["description"] = name;
      if (property["type"] == "object") property["additionalProperties"] = {{"type", "string"}};
    }
  }
  return tools;
}

struct Model {
  std::string name, source;
  ordered_json variables;
  ChatTemplate chat_template;
  TemplateTraits traits;

  explicit Model(const std::string& model)
      : name(model),
        source(read_file(kFolder / (model + ".jinja"))),
        variables(parse_ordered_json(read_file(kFolder / (model + ".json")), model)["variables"]),
        chat_template(source, model),
        traits(probe_template(chat_template, source, &variables)) {}

  std::string render(const ordered_json& messages, bool prompt) const {
    static const ordered_json tools = shown_tools();
    ChatInputs inputs;
    inputs.messages = &messages;
    inputs.tools = &tools;
    inputs.variables = &variables;
    inputs.add_generation_prompt = prompt;
    return chat_template.render(inputs);
  }
};

std::vector<std::string> models() {
  std::vector<std::string> names;
  for (const auto& file : std::filesystem::directory_iterator(kFolder)) {
    if (file.path().extension() == ".jinja") names.push_back(file.path().stem().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

// By hand from the templates' sources.
TEST(TemplateTraits, AreThoseOfPublishedTemplates) {
  const std::set<std::string> parts = {"Cohere2MoE",
                                       "GLM-4.6",
                                       "GLM-5.2",
                                       "Kimi-K2-Thinking",
                                       "Mistral-Small-3.2-24B-Instruct-2506",
                                       "Qwen3.5-4B",
                                       "Reka-Edge",
                                       "StepFun3.5-Flash",
                                       "google-gemma-4-31B-it-interleaved",
                                       "mistralai-Ministral-3-14B-Reasoning-2512",
                                       "moonshotai-Kimi-K2",
                                       "stepfun-ai-Step-3.5-Flash",
                                       "unsloth-mistral-Devstral-Small-2507"};
  const std::set<std::string> developer = {"Reka-Edge", "deepseek-ai-DeepSeek-V4",
                                           "google-gemma-4-31B-it-interleaved",
                                           "openai-gpt-oss-120b"};
  for (const std::string& name : models()) {
    SCOPED_TRACE(name);
    const TemplateTraits traits = Model(name).traits;
    EXPECT_EQ(traits.argument_strings, name == "meetkai-functionary-medium-v3.2");
    EXPECT_TRUE(traits.content_strings);
    EXPECT_EQ(traits.content_parts.contains("user"), parts.contains(name));
    EXPECT_EQ(traits.system_role, name != "google-gemma-2-2b-it");
    EXPECT_EQ(traits.developer_role, developer.contains(name));
    EXPECT_EQ(traits.short_call_ids, name == "Mistral-Small-3.2-24B-Instruct-2506");
    EXPECT_EQ(traits.reasoning_key,
              name == "openai-gpt-oss-120b" ? "thinking" : "reasoning_content");
    EXPECT_EQ(traits.content_beside_reasoning, name != "openai-gpt-oss-120b");
  }
}

TEST(TemplateTraits, TellRolesWithPartsApart) {
  using Roles = std::set<std::string, std::less<>>;
  const auto roles = [](const char* name) { return Model(name).traits.content_parts; };
  EXPECT_EQ(roles("Qwen3.5-4B"), (Roles{"assistant", "system", "tool", "user"}));
  // It shows the first part of a system message only.
  EXPECT_EQ(roles("Mistral-Small-3.2-24B-Instruct-2506"), (Roles{"assistant", "user"}));
  EXPECT_EQ(roles("unsloth-mistral-Devstral-Small-2507"), (Roles{"user"}));
  EXPECT_EQ(roles("Qwen-Qwen2.5-7B-Instruct"), Roles{});
}

// A conversation as a client sends it, with all that templates differ about.
ordered_json conversation() {
  return parse_ordered_json(R"([
    {"role": "developer", "content": [{"type": "text", "text": "Be"}, {"type": "text", "text": "terse."}]},
    {"role": "user", "content": [{"type": "text", "text": "Weather in Paris?"}]},
    {"role": "assistant", "content": null, "tool_calls": [{"id": "call_0123456789abcdef01234567",
      "type": "function", "function": {"name": "get_weather", "arguments": "{\"city\": \"Paris\"}"}}]},
    {"role": "tool", "tool_call_id": "call_0123456789abcdef01234567", "content": "sunny"}])",
                            "conversation");
}

// Those of the test's templates that show calls at all; the others show messages only.
const std::set<std::string> kWithoutCalls = {
    "HuggingFaceTB-SmolLM3-3B", "LFM2-8B-A1B", "google-gemma-2-2b-it",
    "ibm-granite-granite-3.3-2B-Instruct", "llama-cpp-rwkv-world"};

TEST(NormalizeMessages, MakesWhatEveryTemplateTakes) {
  for (const std::string& name : models()) {
    SCOPED_TRACE(name);
    const Model model(name);
    const ordered_json messages = normalize_messages(conversation(), model.traits);
    std::string text;
    try {
      text = model.render(messages, true);
    } catch (const TemplateError& error) {
      // The one has no roles but user and assistant; the other does what the sandbox forbids.
      EXPECT_TRUE(name == "google-gemma-2-2b-it" || name == "Kimi-K2-Thinking") << error.what();
      continue;
    }
    EXPECT_THAT(text, testing::HasSubstr("terse."));
    EXPECT_THAT(text, testing::HasSubstr("Weather in Paris?"));
    EXPECT_EQ(text.find("None", text.find("Weather in Paris?")), std::string::npos);
    EXPECT_THAT(text, testing::Not(testing::HasSubstr("\\\"city\\\"")));
    // RWKV's template knows only two roles and passes over the others.
    if (name != "llama-cpp-rwkv-world") {
      EXPECT_THAT(text, testing::HasSubstr("sunny"));
    }
    if (!kWithoutCalls.contains(name)) {
      EXPECT_THAT(text, testing::HasSubstr("get_weather"));
    }
  }
}

TEST(NormalizeMessages, GivesGoldenText) {
  EXPECT_THAT(Model("Qwen3.5-4B")
                  .render(normalize_messages(conversation(), Model("Qwen3.5-4B").traits), true),
              testing::EndsWith("<|im_start|>user\nWeather in Paris?<|im_end|>\n"
                                "<|im_start|>assistant\n<think>\n\n</think>\n\n<tool_call>\n"
                                "<function=get_weather>\n<parameter=city>\nParis\n</parameter>\n"
                                "</function>\n</tool_call><|im_end|>\n"
                                "<|im_start|>user\n<tool_response>\nsunny\n</tool_response>"
                                "<|im_end|>\n<|im_start|>assistant\n<think>\n"));
  const Model gemma("google-gemma-2-2b-it");
  const ordered_json asked = {{{"role", "system"}, {"content", "Be terse."}},
                              {{"role", "user"}, {"content", "Hello."}}};
  EXPECT_EQ(gemma.render(normalize_messages(asked, gemma.traits), true),
            "<bos><start_of_turn>user\nBe terse.\n\nHello.<end_of_turn>\n<start_of_turn>model\n");
  const Model gpt_oss("openai-gpt-oss-120b");
  ordered_json reasoned = conversation();
  reasoned[2]["content"] = "I look.";
  reasoned[2]["reasoning_content"] = "A question of weather.";
  EXPECT_THAT(gpt_oss.render(normalize_messages(reasoned, gpt_oss.traits), true),
              testing::EndsWith(
                  "<|start|>assistant<|channel|>analysis<|message|>A question of weather.\n\n"
                  "I look.<|end|><|start|>assistant to=functions.get_weather<|channel|>commentary "
                  "json<|message|>{\"city\": \"Paris\"}<|call|><|start|>functions.get_weather "
                  "to=assistant<|channel|>commentary<|message|>\"sunny\"<|end|>"
                  "<|start|>assistant"));
  const Model functionary("meetkai-functionary-medium-v3.2");
  EXPECT_THAT(functionary.render(normalize_messages(conversation(), functionary.traits), true),
              testing::HasSubstr(">>>get_weather\n{\"city\": \"Paris\"}<|eot_id|>"));
}

// The text that a template shows for an answer is what its model has learnt to write.
TEST(NormalizeMessages, CallsThatATemplateShowsAreReadBack) {
  const auto arguments = parse_ordered_json(
      R"({"query": "say \"hi\" {x} [y] é 東京", "limit": 3, "exact": true, "max_price": 2.5,
          "filters": {"a": {"b": [1, null]}}, "tags": ["x", "it's"]})",
      "arguments");
  const ordered_json call = {{"id", "abc456789"},
                             {"type", "function"},
                             {"function", {{"name", "search"}, {"arguments", arguments}}}};
  ordered_json second = call;
  second["id"] = "def456789";
  second["function"] = {{"name", "get_weather"}, {"arguments", {{"city", "Paris"}}}};
  const ordered_json question = {{{"role", "user"}, {"content", "Go."}}};
  size_t read = 0;
  for (const std::string& name : models()) {
    if (kWithoutCalls.contains(name)) continue;
    SCOPED_TRACE(name);
    const Model model(name);
    for (const size_t count : {1U, 2U}) {
      ordered_json messages = question;
      messages.push_back({{"role", "assistant"}, {"content", ""}, {"tool_calls", {call}}});
      if (count == 2) messages[1]["tool_calls"].push_back(second);
      const ordered_json normal = normalize_messages(messages, model.traits);
      std::string full;
      try {
        full = model.render(normal, false);
      } catch (const TemplateError& error) {
        // Llama's take one call at a time.
        EXPECT_TRUE(count == 2 || name == "Kimi-K2-Thinking") << error.what();
        continue;
      }
      // What opens an answer may differ where reasoning is off by default.
      const std::string prompt = model.render(question, true);
      const auto differ = std::mismatch(prompt.begin(), prompt.end(), full.begin(), full.end());
      auto at = static_cast<size_t>(differ.first - prompt.begin());
      if (std::isalpha(static_cast<unsigned char>(full[at])) != 0) {
        at = full.rfind("<|", at);  // two markers that begin alike
      }
      const OutputSyntax syntax = detect_output_syntax(model.source);
      OutputOptions options;
      options.in_reasoning = at == prompt.size() && ends_in_reasoning(prompt, syntax);
      const Parsed parsed = parse_pieces(syntax, test_tools(), options, {full.substr(at)});
      const bool only_first = name == "openai-gpt-oss-120b" || name == "GigaChat3-10B-A1.8B";
      ASSERT_EQ(parsed.calls.size(), only_first ? 1U : count) << full.substr(at);
      EXPECT_EQ(parsed.calls[0].name, "search");
      ordered_json got = parse_ordered_json(parsed.calls[0].arguments, "arguments");
      ordered_json wanted = arguments;
      if (syntax.tools == ToolFormat::gemma) {  // which sorts keys
        got = parse_ordered_json(parse_json(got.dump(), "arguments").dump(), "arguments");
        wanted = parse_ordered_json(parse_json(wanted.dump(), "arguments").dump(), "arguments");
      }
      EXPECT_EQ(got, wanted);
      if (parsed.calls.size() == 2) {
        EXPECT_EQ(parsed.calls[1].name, "get_weather");
      }
      EXPECT_THAT(parsed.content, testing::Not(testing::HasSubstr("search")));
      ++read;
    }
  }
  EXPECT_GT(read, 50U);
}

std::string refusal(const char* messages, const TemplateTraits& traits = {}) {
  try {
    return normalize_messages(parse_ordered_json(messages, "messages"), traits).dump();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::invalid_argument);
    return error.what();
  }
}

TEST(NormalizeMessages, RefusesWhatIsNoConversation) {
  EXPECT_EQ(refusal("{}"), "messages: they have to be an array");
  EXPECT_EQ(refusal("[1]"), "messages[0]: a message has to be an object");
  EXPECT_THAT(refusal(R"([{"content": "x"}])"), testing::StartsWith("messages[0]: it has no role"));
  EXPECT_THAT(refusal(R"([{"role": "user", "content": 3}])"),
              testing::StartsWith("messages[0].content: it has to be"));
  EXPECT_THAT(
      refusal(R"([{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}])"),
      testing::StartsWith("messages[0].content[0]: the model's chat template takes text only, got "
                          "\"image_url\""));
  EXPECT_THAT(refusal(R"([{"role": "assistant", "tool_calls": [{}]}])"),
              testing::StartsWith("messages[0].tool_calls[0]: it needs a function"));
  EXPECT_THAT(refusal(R"([{"role": "assistant", "tool_calls": 3}])"),
              testing::StartsWith("messages[0].tool_calls: they have"));
  for (const char* arguments : {"\"{\"", "\"[]\"", "3"}) {
    EXPECT_THAT(refusal(fmt::format(R"([{{"role": "assistant", "tool_calls": [{{"function":
                            {{"name": "f", "arguments": {}}}}}]}}])",
                                    arguments)
                            .c_str()),
                testing::StartsWith("messages[0].tool_calls[0].function.arguments: "));
  }
}

TEST(NormalizeMessages, CompletesCallsAndResults) {
  EXPECT_EQ(
      refusal(R"([{"role": "assistant", "tool_calls": [
                          {"function": {"name": "f", "arguments": ""}}, {"id": "x", "function": {"name": "g"}}]},
                        {"role": "tool", "tool_call_id": "x", "content": {"a": 1}},
                        {"role": "tool", "content": "b"},
                        {"role": "assistant", "content": "c", "tool_calls": []}])"),
      R"([{"role":"assistant","tool_calls":[)"
      R"({"function":{"name":"f","arguments":{}},"type":"function","id":"call_0"},)"
      R"({"id":"x","function":{"name":"g","arguments":{}},"type":"function"}],"content":null},)"
      R"({"role":"tool","tool_call_id":"x","content":"{\"a\":1}","name":"g"},)"
      R"({"role":"tool","content":"b","name":"f","tool_call_id":"call_0"},)"
      R"({"role":"assistant","content":"c"}])");
}

TEST(NormalizeMessages, ShortensIdsTheSameWay) {
  TemplateTraits traits;
  traits.short_call_ids = true;
  ordered_json messages = conversation();
  const ordered_json normal = normalize_messages(messages, traits);
  const auto id = normal[2]["tool_calls"][0]["id"].get<std::string>();
  EXPECT_THAT(id, testing::MatchesRegex("[A-Za-z0-9]{9}"));
  EXPECT_EQ(normal[3]["tool_call_id"], id);
  messages[2]["tool_calls"][0]["id"] = "abcdef123";
  EXPECT_EQ(normalize_messages(messages, traits)[2]["tool_calls"][0]["id"], "abcdef123");
}

}  // namespace
}  // namespace tarn::text
