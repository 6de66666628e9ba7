// What opens calls in each format, and who reads them.
#include "tarn/text/chat/bracketed_calls.h"
#include "tarn/text/chat/call_reader.h"
#include "tarn/text/chat/named_calls.h"
#include "tarn/text/chat/xml_calls.h"

namespace tarn::text {
namespace {

using Reader = std::unique_ptr<CallReader>;
using Json = JsonCallsReader::Syntax;

constexpr XmlSyntax qwen{.call_open = "<function=",
                         .name_end = ">",
                         .key_open = "<parameter=",
                         .key_end = ">",
                         .value_open = "",
                         .value_end = "</parameter>",
                         .call_close = "</function>",
                         .section_close = "</tool_call>",
                         .line_breaks = true};
constexpr XmlSyntax seed{.call_open = "<function=",
                         .name_end = ">",
                         .key_open = "<parameter=",
                         .key_end = ">",
                         .value_open = "",
                         .value_end = "</parameter>",
                         .call_close = "</function>",
                         .section_close = "</seed:tool_call>"};
constexpr XmlSyntax glm{.call_open = "",
                        .name_end = "",
                        .key_open = "<arg_key>",
                        .key_end = "</arg_key>",
                        .value_open = "<arg_value>",
                        .value_end = "</arg_value>",
                        .call_close = "</tool_call>",
                        .section_close = ""};
constexpr XmlSyntax minimax{.call_open = "<invoke name=\"",
                            .name_end = "\">",
                            .key_open = "<parameter name=\"",
                            .key_end = "\">",
                            .value_open = "",
                            .value_end = "</parameter>",
                            .call_close = "</invoke>",
                            .section_close = "</minimax:tool_call>"};

constexpr XmlSyntax dsml(std::string_view section_close) {
  return {.call_open = "<｜DSML｜invoke name=\"",
          .name_end = "\">",
          .key_open = "<｜DSML｜parameter name=\"",
          .key_end = "\" string=\"",
          .value_open = "",
          .value_end = "</｜DSML｜parameter>",
          .call_close = "</｜DSML｜invoke>",
          .section_close = section_close,
          .string_attribute = true};
}
constexpr XmlSyntax dsml_3_2 = dsml("</｜DSML｜function_calls>");
constexpr XmlSyntax dsml_4 = dsml("</｜DSML｜tool_calls>");

template <const XmlSyntax& syntax, bool in_call = false>
Reader xml(const ToolTable& tools) {
  return std::make_unique<XmlCallsReader>(syntax, tools, in_call);
}

constexpr Json hermes_json{.close = "</tool_call>"};
constexpr Json llama_json{
    .close = "", .arrays = false, .separator = ';', .shape = CallShape::name_and_arguments};
constexpr Json lone_json{.close = ""};
constexpr Json cohere_json{.close = "<|END_ACTION|>"};
constexpr Json apertus_json{.close = "<|tools_suffix|>", .shape = CallShape::name_is_key};
constexpr Json nemotron_json{.close = "</TOOLCALL>"};
constexpr Json gigachat_json{.close = "<|message_sep|>"};

template <const Json& syntax>
Reader json_calls(const ToolTable& /*tools*/) {
  return std::make_unique<JsonCallsReader>(syntax);
}

constexpr std::string_view no_close;
constexpr std::string_view python_end = "<|python_end|>";
constexpr std::string_view tool_call_end = "<|tool_call_end|>";

template <const std::string_view& close>
Reader python(const ToolTable& /*tools*/) {
  return std::make_unique<PythonCallsReader>(close);
}

template <bool in_call>
Reader deepseek(const ToolTable& /*tools*/) {
  return std::make_unique<DeepSeekReader>(in_call);
}

template <typename Type>
Reader plain(const ToolTable& /*tools*/) {
  return std::make_unique<Type>();
}

CallSection section(std::string open, Reader (*make_reader)(const ToolTable&)) {
  return {std::move(open), {}, true, make_reader};
}

// Opened by the first byte of an answer.
CallSection bare(std::string first_bytes, Reader (*make_reader)(const ToolTable&)) {
  return {{}, std::move(first_bytes), false, make_reader};
}

}  // namespace

std::vector<CallSection> call_sections(ToolFormat format) {
  switch (format) {
    case ToolFormat::hermes:
      return {section("<tool_call>", json_calls<hermes_json>)};
    case ToolFormat::qwen_xml:
      // Qwen3-Coder sometimes leaves the outer tag out.
      return {section("<tool_call>", xml<qwen>), section("<function=", xml<qwen, true>)};
    case ToolFormat::seed_xml:
      return {section("<seed:tool_call>", xml<seed>)};
    case ToolFormat::llama_json:
      return {section("<|python_tag|>", json_calls<llama_json>), bare("{", json_calls<llama_json>),
              bare("[", python<no_close>)};
    case ToolFormat::pythonic:
      return {section("<|python_start|>", python<python_end>),
              section("<|tool_call_start|>", python<tool_call_end>), bare("[", python<no_close>)};
    case ToolFormat::mistral:
      return {section("[TOOL_CALLS]", plain<MistralReader>)};
    case ToolFormat::deepseek:
      return {section("<｜tool▁calls▁begin｜>", deepseek<false>),
              section("<｜tool▁call▁begin｜>", deepseek<true>)};
    case ToolFormat::dsml:
      return {section("<｜DSML｜function_calls>", xml<dsml_3_2>),
              section("<｜DSML｜tool_calls>", xml<dsml_4>)};
    case ToolFormat::harmony:
      return {};
    case ToolFormat::granite:
      return {section("<|tool_call|>", json_calls<lone_json>)};
    case ToolFormat::cohere:
      return {section("<|START_ACTION|>", json_calls<cohere_json>)};
    case ToolFormat::command_r:
      return {section("Action:", json_calls<lone_json>)};
    case ToolFormat::functionary:
      // The prompt ends with the marker of the first.
      return {
          {">>>", {}, false, plain<FunctionaryReader>},
          bare("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_", plain<FunctionaryReader>)};
    case ToolFormat::glm:
      return {section("<tool_call>", xml<glm>)};
    case ToolFormat::kimi:
      return {section("<|tool_calls_section_begin|>", plain<KimiReader>)};
    case ToolFormat::minimax:
      return {section("<minimax:tool_call>", xml<minimax>)};
    case ToolFormat::apertus:
      return {section("<|tools_prefix|>", json_calls<apertus_json>)};
    case ToolFormat::gemma:
      return {section("<|tool_call>", plain<GemmaCallReader>)};
    case ToolFormat::nemotron:
      return {section("<TOOLCALL>", json_calls<nemotron_json>)};
    case ToolFormat::gigachat:
      return {section("<|message_sep|>\n\nfunction call<|role_sep|>", json_calls<gigachat_json>),
              section("function call<|role_sep|>", json_calls<gigachat_json>)};
  }
  return {};
}

}  // namespace tarn::text
