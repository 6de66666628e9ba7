// Reads the input as what a model wrote, in a format that its first byte chooses: whole, and cut
// into pieces that its second byte chooses. Both must give the same, and calls must be JSON
// objects.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "tarn/base/json.h"
#include "tarn/text/chat/output_parser.h"

namespace {

using tarn::text::OutputEvent;

const tarn::ordered_json& tools() {
  static const auto all = tarn::parse_ordered_json(
      R"([{"type": "function", "function": {"name": "f", "parameters": {"type": "object",
          "properties": {"a": {"type": "string"}, "b": {"type": "integer"}, "c": {"type": "array"},
                         "d": {"anyOf": [{"type": "boolean"}, {"$ref": "#"}]}}}}}])",
      "tools");
  return all;
}

// Events with neighbours of a kind joined, as one text.
std::string read(const tarn::text::OutputSyntax& syntax, bool in_reasoning, std::string_view text,
                 size_t piece) {
  tarn::text::OutputOptions options;
  options.in_reasoning = in_reasoning;
  options.make_id = [] { return "id"; };
  tarn::text::OutputParser parser(syntax, tools(), options);
  std::vector<OutputEvent> events;
  for (size_t i = 0; i < text.size(); i += piece) parser.push(text.substr(i, piece), events);
  parser.finish(events);
  std::string all;
  auto last = OutputEvent::Kind::call_end;
  for (const OutputEvent& event : events) {
    if (event.kind != last) all += static_cast<char>('0' + static_cast<int>(event.kind));
    last = event.kind;
    all += event.id;
    all += event.name;
    all += event.text;
    if (event.kind == OutputEvent::Kind::call_arguments &&
        !tarn::parse_ordered_json(event.text, "arguments").is_object()) {
      std::abort();
    }
  }
  return all;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const auto formats = tarn::text::tool_formats();
  tarn::text::OutputSyntax syntax;
  syntax.tools = formats[(data[0] / 2) % formats.size()];
  if (data[1] % 2 == 1) syntax.reasoning = {"[THINK]", "[/THINK]", "<response>", "</response>"};
  const std::string_view text(reinterpret_cast<const char*>(data) + 2, size - 2);
  const bool in_reasoning = data[0] % 2 == 1;
  const std::string whole = read(syntax, in_reasoning, text, size);
  if (whole != read(syntax, in_reasoning, text, 1)) std::abort();
  if (whole != read(syntax, in_reasoning, text, 1 + data[1] / 2U)) std::abort();
  return 0;
}
