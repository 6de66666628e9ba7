// Reasoning, content and calls out of what models write: the cases of tests/data/tool_calls, and
// the parser's contract.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ctime>
#include <set>
#include <sstream>

#include "tarn/text/chat/output_parser.h"
#include "tests/text/chat_output_test.h"

namespace tarn::text {
namespace {

using Kind = OutputEvent::Kind;

OutputSyntax syntax_of(const ordered_json& entry) {
  OutputSyntax syntax;
  syntax.tools = parse_tool_format(entry.at("format").get<std::string>());
  if (!entry.contains("tags")) return syntax;
  auto tags = entry.at("tags").get<std::vector<std::string>>();
  tags.resize(4);
  syntax.reasoning = {tags[0], tags[1], tags[2], tags[3]};
  return syntax;
}

// `arguments` is compared as JSON, keys in order; `arguments_text` as text.
void replace_with_own_text(const ordered_json& expected, ParsedCall& call) {
  if (expected.contains("arguments_text")) return;
  if (parse_ordered_json(call.arguments, "arguments") == expected.at("arguments")) {
    call.arguments = expected.at("arguments").dump();
  }
}

Parsed expected_of(const ordered_json& entry) {
  Parsed parsed;
  parsed.reasoning = entry.at("reasoning").get<std::string>();
  parsed.content = entry.at("content").get<std::string>();
  for (const auto& call : entry.at("calls")) {
    const std::string number = std::to_string(parsed.calls.size());
    parsed.calls.push_back({call.value("id", ""), call.at("name").get<std::string>(),
                            call.contains("arguments_text")
                                ? call.at("arguments_text").get<std::string>()
                                : call.at("arguments").dump(),
                            call.value("known", true), true});
  }
  return parsed;
}

TEST(OutputParser, ReadsEveryCaseHoweverItIsCut) {
  const ordered_json tools = test_tools();
  std::istringstream lines(read_file(TARN_TEST_DATA "/tool_calls/cases.jsonl"));
  std::set<std::string> formats;
  size_t count = 0;
  for (std::string line; std::getline(lines, line); ++count) {
    const ordered_json entry = parse_ordered_json(line, "cases.jsonl");
    formats.insert(entry.at("format").get<std::string>());
    SCOPED_TRACE(entry.at("format").get<std::string>() + ": " +
                 entry.at("name").get<std::string>());
    const OutputSyntax syntax = syntax_of(entry);
    const ordered_json& given = entry.contains("tools") ? entry.at("tools") : tools;
    OutputOptions options;
    options.in_reasoning = entry.value("in_reasoning", false);
    options.parse_tools = entry.value("parse_tools", true);
    const auto text = entry.at("text").get<std::string>();

    // The whole against what is expected, then every cut against the whole.
    const Parsed whole = parse_pieces(syntax, given, options, {text});
    const Parsed expected = expected_of(entry);
    Parsed compared = whole;
    for (size_t i = 0; i < std::min(compared.calls.size(), expected.calls.size()); ++i) {
      replace_with_own_text(entry.at("calls")[i], compared.calls[i]);
      if (!entry.at("calls")[i].contains("id")) compared.calls[i].id.clear();
    }
    EXPECT_EQ(compared, expected);
    if (compared == expected) expect_parsed(syntax, given, options, text, whole);
  }
  EXPECT_GT(count, 150U);
  EXPECT_EQ(formats.size(), tool_formats().size()) << "each format has cases";
}

std::vector<OutputEvent> push_all(OutputParser& parser, std::initializer_list<const char*> pieces) {
  std::vector<OutputEvent> events;
  for (const char* piece : pieces) parser.push(piece, events);
  return events;
}

OutputEvent text_event(Kind kind, std::string text) {
  OutputEvent event;
  event.kind = kind;
  event.text = std::move(text);
  return event;
}

TEST(OutputParser, ShowsTextAsSoonAsItIsNoMarker) {
  OutputParser parser({}, nullptr);
  EXPECT_THAT(
      push_all(parser, {"a", " ", "<", "b"}),
      testing::ElementsAre(text_event(Kind::content, "a"), text_event(Kind::content, " <b")));
  EXPECT_THAT(push_all(parser, {"<tool_call>", "\n", "{\"name\"", ": "}), testing::IsEmpty());
  // No member of a call can begin like that.
  EXPECT_THAT(push_all(parser, {"x"}),
              testing::ElementsAre(text_event(Kind::content, "<tool_call>\n{\"name\": x")));
}

TEST(OutputParser, GivesACallWholeWhenItIsComplete) {
  OutputOptions options;
  options.make_id = [] { return "call_1"; };
  OutputParser parser({}, test_tools(), options);
  EXPECT_THAT(push_all(parser, {"<tool_call>{\"name\": \"now\", \"arguments\": {}}</tool_call"}),
              testing::IsEmpty());
  OutputEvent begin;
  begin.kind = Kind::call_begin;
  begin.id = "call_1";
  begin.name = "now";
  EXPECT_THAT(push_all(parser, {">"}),
              testing::ElementsAre(begin, text_event(Kind::call_arguments, "{}"),
                                   text_event(Kind::call_end, "")));
}

TEST(OutputParser, MakesIdsOfTheFormat) {
  uint64_t n = 0;
  const auto next = [&] { return n++; };
  EXPECT_EQ(call_id(ToolFormat::hermes, next), "call_ABCDEFGHIJKLMNOPQRSTUVWX");
  EXPECT_EQ(call_id(ToolFormat::mistral, next), "YZabcdefg");

  const std::string text = "[TOOL_CALLS]a[ARGS]{}[TOOL_CALLS]b[CALL_ID]too_short[ARGS]{}";
  OutputParser parser({ToolFormat::mistral, {}}, nullptr);
  std::vector<OutputEvent> events;
  parser.push(text, events);
  const Parsed parsed = put_together(events);
  ASSERT_EQ(parsed.calls.size(), 2U);
  EXPECT_THAT(parsed.calls[0].id, testing::MatchesRegex("[A-Za-z0-9]{9}"));
  EXPECT_THAT(parsed.calls[1].id, testing::MatchesRegex("[A-Za-z0-9]{9}"));
  EXPECT_NE(parsed.calls[0].id, parsed.calls[1].id);
}

const OutputSyntax xml{ToolFormat::qwen_xml, {}};
const OutputSyntax python{ToolFormat::pythonic, {}};

// In pieces of 3 bytes. Processor time, since the machine may be busy with other things.
std::string in_time(const OutputSyntax& syntax, const std::string& text) {
  OutputParser parser(syntax, nullptr);
  std::vector<OutputEvent> events;
  const std::clock_t begin = std::clock();
  for (size_t i = 0; i < text.size(); i += 3) {
    parser.push(std::string_view(text).substr(i, 3), events);
  }
  parser.finish(events);
  const auto seconds = static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
  EXPECT_LT(seconds, 5.0) << "linear time takes a fraction of a second, quadratic time minutes";
  const Parsed parsed = put_together(events);
  return parsed.calls.empty() ? parsed.content : parsed.calls[0].arguments;
}

std::string repeated(std::string_view part, size_t size) {
  std::string text;
  while (text.size() < size) text += part;
  return text;
}

TEST(OutputParser, TakesLinearTime) {
  constexpr size_t size = 1'000'000;
  const std::string object =
      fmt::format(R"({{"a": "{}"}})", repeated("}</tool_call> \\\" {", size));
  EXPECT_EQ(in_time({}, fmt::format(R"(<tool_call>{{"name": "f", "arguments": {}}}</tool_call>)",
                                    object)),
            object);
  const std::string value = repeated("}</parameter> \\\" \xE2\x82\xAC[", size);
  EXPECT_EQ(ordered_json::parse(in_time(
                xml, fmt::format("<tool_call><function=f><parameter=a>{}</parameter></function>"
                                 "</tool_call>",
                                 value)))["a"],
            value);
  const std::string quotes = repeated("x\\'", size);
  EXPECT_EQ(ordered_json::parse(in_time(python, fmt::format("[f(a='{}')]", quotes)))["a"],
            repeated("x'", quotes.size() / 3 * 2));
  for (const char* part : {"<tool_call>", "<tool_call>{\"", "<tool_call><function=f><parameter=a>",
                           "\n", "<", "<tool_call>\n \n", "a </", "</parameter>\n"}) {
    const std::string text = fmt::format("x{}x", repeated(part, size));
    EXPECT_TRUE(in_time({}, text) == text) << part;
    EXPECT_TRUE(in_time(xml, text) == text) << part;
  }
  const std::string open =
      fmt::format("<tool_call><function=f><parameter=a></parameter>{}", repeated("\n", size));
  EXPECT_TRUE(in_time(xml, open) == open);
}

TEST(OutputParser, BoundsNesting) {
  const std::string deep = repeated("[", 100'000);
  const std::string json_call =
      fmt::format(R"(<tool_call>{{"name": "f", "arguments": {{"a": {})", deep);
  EXPECT_EQ(in_time({}, json_call), json_call);
  const std::string python_call = fmt::format("[f(a={}", deep);
  EXPECT_EQ(in_time(python, python_call), python_call);
  const std::string closed = deep + repeated("]", 100'000);
  EXPECT_EQ(in_time(xml, fmt::format("<tool_call><function=f><parameter=a>{}</parameter>"
                                     "</function></tool_call>",
                                     closed)),
            fmt::format("{{\"a\": \"{}\"}}", closed));
}

}  // namespace
}  // namespace tarn::text
