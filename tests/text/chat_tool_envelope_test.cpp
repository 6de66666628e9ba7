// Calls written by a format's envelope are what its parser reads.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tarn/text/chat/tool_envelope.h"
#include "tests/text/chat_output_test.h"

namespace tarn::text {
namespace {

using Arguments = ToolEnvelope::Arguments;

// {"query": "a }\"b", "limit": 3}, as the kind of arguments has it.
std::string written_arguments(const ToolEnvelope& envelope) {
  switch (envelope.arguments) {
    case Arguments::json:
      return R"({"query": "a }\"b", "limit": 3})";
    case Arguments::xml:
      return fmt::format("{0}query{1}a }}\"b{3}{0}limit{2}3{3}", envelope.before_key,
                         envelope.before_value, envelope.before_json_value, envelope.after_value);
    case Arguments::python:
      return R"(query="a }\"b", limit=3)";
    case Arguments::gemma:
      return R"(query:<|"|>a }"b<|"|>,limit:3)";
  }
  return {};
}

TEST(ToolEnvelope, IsReadBackInEveryFormat) {
  const ordered_json expected = {{"query", "a }\"b"}, {"limit", 3}};
  for (const ToolFormat format : tool_formats()) {
    SCOPED_TRACE(name(format));
    const ToolEnvelope envelope = tool_envelope(format);
    const std::string call =
        fmt::format("{}search{}{}{}", envelope.before_name, envelope.before_arguments,
                    written_arguments(envelope), envelope.after_arguments);
    const size_t count = envelope.parallel ? 2 : 1;
    std::string text = envelope.begin + call;
    if (envelope.parallel) text += envelope.separator + call;
    text += envelope.end;
    for (const bool prose : {false, true}) {
      if (prose && !envelope.triggered) continue;
      if (prose && format == ToolFormat::harmony) continue;  // its prose has a header
      const std::string whole = prose ? fmt::format("Well.\n{}", text) : text;
      const Parsed parsed = parse_pieces({format, {}}, test_tools(), {}, {whole});
      EXPECT_EQ(parsed.content, prose ? "Well." : "");
      ASSERT_EQ(parsed.calls.size(), count) << whole;
      for (const ParsedCall& one : parsed.calls) {
        EXPECT_EQ(one.name, "search");
        EXPECT_EQ(parse_ordered_json(one.arguments, "arguments"), expected);
      }
    }
  }
}

}  // namespace
}  // namespace tarn::text
