#include "tarn/text/chat/tool_envelope.h"

namespace tarn::text {
namespace {

using Arguments = ToolEnvelope::Arguments;

// Objects in an array: {"name": NAME, "arguments": {..}}.
ToolEnvelope json_array(std::string begin, std::string end) {
  return {.begin = std::move(begin),
          .before_name = "{\"name\": \"",
          .before_arguments = "\", \"arguments\": ",
          .after_arguments = "}",
          .separator = ", ",
          .end = std::move(end)};
}

ToolEnvelope qwen_xml() {
  return {.before_name = "<tool_call>\n<function=",
          .before_arguments = ">\n",
          .after_arguments = "</function>\n</tool_call>",
          .separator = "\n",
          .arguments = Arguments::xml,
          .before_key = "<parameter=",
          .before_value = ">\n",
          .before_json_value = ">\n",
          .after_value = "\n</parameter>\n"};
}

ToolEnvelope seed_xml() {
  ToolEnvelope envelope = qwen_xml();
  envelope.before_name = "<seed:tool_call>\n<function=";
  envelope.after_arguments = "</function>\n</seed:tool_call>";
  envelope.before_value = ">";
  envelope.before_json_value = ">";
  envelope.after_value = "</parameter>\n";
  return envelope;
}

ToolEnvelope deepseek() {
  return {.begin = "<｜tool▁calls▁begin｜>",
          .before_name = "<｜tool▁call▁begin｜>function<｜tool▁sep｜>",
          .before_arguments = "\n```json\n",
          .after_arguments = "\n```<｜tool▁call▁end｜>",
          .separator = "\n",
          .end = "<｜tool▁calls▁end｜>"};
}

ToolEnvelope dsml() {
  return {.begin = "<｜DSML｜function_calls>\n",
          .before_name = "<｜DSML｜invoke name=\"",
          .before_arguments = "\">\n",
          .after_arguments = "</｜DSML｜invoke>\n",
          .end = "</｜DSML｜function_calls>",
          .arguments = Arguments::xml,
          .before_key = "<｜DSML｜parameter name=\"",
          .before_value = "\" string=\"true\">",
          .before_json_value = "\" string=\"false\">",
          .after_value = "</｜DSML｜parameter>\n"};
}

ToolEnvelope glm() {
  return {.before_name = "<tool_call>",
          .before_arguments = "\n",
          .after_arguments = "</tool_call>",
          .separator = "\n",
          .arguments = Arguments::xml,
          .before_key = "<arg_key>",
          .before_value = "</arg_key>\n<arg_value>",
          .before_json_value = "</arg_key>\n<arg_value>",
          .after_value = "</arg_value>\n"};
}

ToolEnvelope minimax() {
  return {.begin = "<minimax:tool_call>\n",
          .before_name = "<invoke name=\"",
          .before_arguments = "\">\n",
          .after_arguments = "</invoke>\n",
          .end = "</minimax:tool_call>",
          .arguments = Arguments::xml,
          .before_key = "<parameter name=\"",
          .before_value = "\">",
          .before_json_value = "\">",
          .after_value = "</parameter>\n"};
}

// Indices count the calls of a conversation; a grammar can only say that it is a number.
ToolEnvelope kimi() {
  return {.begin = "<|tool_calls_section_begin|>",
          .before_name = "<|tool_call_begin|>functions.",
          .before_arguments = ":0<|tool_call_argument_begin|>",
          .after_arguments = "<|tool_call_end|>",
          .end = "<|tool_calls_section_end|>",
          .parallel = false};
}

}  // namespace

ToolEnvelope tool_envelope(ToolFormat format) {
  switch (format) {
    case ToolFormat::hermes:
      return {.before_name = "<tool_call>\n{\"name\": \"",
              .before_arguments = "\", \"arguments\": ",
              .after_arguments = "}\n</tool_call>",
              .separator = "\n"};
    case ToolFormat::qwen_xml:
      return qwen_xml();
    case ToolFormat::seed_xml:
      return seed_xml();
    case ToolFormat::llama_json:
      return {.before_name = "{\"name\": \"",
              .before_arguments = "\", \"parameters\": ",
              .after_arguments = "}",
              .separator = "; ",
              .triggered = false};
    case ToolFormat::pythonic:
      return {.begin = "[",
              .before_arguments = "(",
              .after_arguments = ")",
              .separator = ", ",
              .end = "]",
              .arguments = Arguments::python,
              .triggered = false};
    case ToolFormat::mistral:
      return {.before_name = "[TOOL_CALLS]", .before_arguments = "[ARGS]"};
    case ToolFormat::deepseek:
      return deepseek();
    case ToolFormat::dsml:
      return dsml();
    case ToolFormat::harmony:
      return {.before_name = "<|channel|>commentary to=functions.",
              .before_arguments = " <|constrain|>json<|message|>",
              .after_arguments = "<|call|>",
              .parallel = false};
    case ToolFormat::granite:
      return json_array("<|tool_call|>[", "]");
    case ToolFormat::cohere:
    case ToolFormat::command_r: {
      const bool tags = format == ToolFormat::cohere;
      ToolEnvelope envelope = tags ? json_array("<|START_ACTION|>[\n    ", "\n]<|END_ACTION|>")
                                   : json_array("Action:\n```json\n[\n    ", "\n]```");
      envelope.before_name = "{\"tool_name\": \"";
      envelope.before_arguments = "\", \"parameters\": ";
      envelope.separator = ",\n    ";
      return envelope;
    }
    case ToolFormat::functionary:
      return {.before_arguments = "\n", .separator = ">>>", .triggered = false};
    case ToolFormat::glm:
      return glm();
    case ToolFormat::kimi:
      return kimi();
    case ToolFormat::minimax:
      return minimax();
    case ToolFormat::apertus: {
      ToolEnvelope envelope = json_array("<|tools_prefix|>[", "]<|tools_suffix|>");
      envelope.before_name = "{\"";
      envelope.before_arguments = "\": ";
      return envelope;
    }
    case ToolFormat::gemma:
      return {.before_name = "<|tool_call>call:",
              .before_arguments = "{",
              .after_arguments = "}<tool_call|>",
              .arguments = Arguments::gemma};
    case ToolFormat::nemotron:
      return json_array("<TOOLCALL>[", "]</TOOLCALL>");
    case ToolFormat::gigachat:
      return {.before_name = "<|message_sep|>\n\nfunction call<|role_sep|>\n{\"name\": \"",
              .before_arguments = "\", \"arguments\": ",
              .after_arguments = "}<|message_sep|>",
              .parallel = false};
  }
  return {};
}

}  // namespace tarn::text
