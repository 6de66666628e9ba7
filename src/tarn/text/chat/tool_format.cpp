#include "tarn/text/chat/tool_format.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "tarn/base/error.h"

namespace tarn::text {
namespace {

struct FormatEntry {
  ToolFormat format;
  std::string_view name;
  std::vector<std::string> markers;
};

const std::vector<FormatEntry>& entries() {
  static const std::vector<FormatEntry> all = {
      {ToolFormat::hermes, "hermes", {"<tool_call>", "</tool_call>"}},
      {ToolFormat::qwen_xml,
       "qwen_xml",
       {"<tool_call>", "</tool_call>", "<function=", "</function>", "<parameter=", "</parameter>"}},
      {ToolFormat::seed_xml,
       "seed_xml",
       {"<seed:tool_call>", "</seed:tool_call>", "<function=", "</function>",
        "<parameter=", "</parameter>"}},
      {ToolFormat::llama_json, "llama_json", {"<|python_tag|>"}},
      {ToolFormat::pythonic,
       "pythonic",
       {"<|python_start|>", "<|python_end|>", "<|tool_call_start|>", "<|tool_call_end|>"}},
      {ToolFormat::mistral, "mistral", {"[TOOL_CALLS]", "[CALL_ID]", "[ARGS]"}},
      {ToolFormat::deepseek,
       "deepseek",
       {"<｜tool▁calls▁begin｜>", "<｜tool▁calls▁end｜>", "<｜tool▁call▁begin｜>",
        "<｜tool▁call▁end｜>", "<｜tool▁sep｜>"}},
      {ToolFormat::dsml, "dsml", {"｜DSML｜"}},
      {ToolFormat::harmony,
       "harmony",
       {"<|start|>", "<|end|>", "<|message|>", "<|channel|>", "<|constrain|>", "<|call|>",
        "<|return|>"}},
      {ToolFormat::granite, "granite", {"<|tool_call|>"}},
      {ToolFormat::cohere, "cohere", {"<|START_ACTION|>", "<|END_ACTION|>"}},
      {ToolFormat::command_r, "command_r", {}},
      {ToolFormat::functionary, "functionary", {}},
      {ToolFormat::glm,
       "glm",
       {"<tool_call>", "</tool_call>", "<arg_key>", "</arg_key>", "<arg_value>", "</arg_value>"}},
      {ToolFormat::kimi,
       "kimi",
       {"<|tool_calls_section_begin|>", "<|tool_calls_section_end|>", "<|tool_call_begin|>",
        "<|tool_call_argument_begin|>", "<|tool_call_end|>"}},
      {ToolFormat::minimax, "minimax", {"<minimax:tool_call>", "</minimax:tool_call>"}},
      {ToolFormat::apertus, "apertus", {"<|tools_prefix|>", "<|tools_suffix|>"}},
      {ToolFormat::gemma, "gemma", {"<|tool_call>", "<tool_call|>", "<|\"|>"}},
      {ToolFormat::nemotron, "nemotron", {"<TOOLCALL>", "</TOOLCALL>"}},
      {ToolFormat::gigachat, "gigachat", {"<|role_sep|>", "<|message_sep|>"}},
  };
  return all;
}

const FormatEntry& entry(ToolFormat format) {
  const auto found = std::find_if(entries().begin(), entries().end(),
                                  [&](const FormatEntry& e) { return e.format == format; });
  if (found == entries().end()) {
    fail(ErrorCode::internal, "tool format {}: it is not in the table", static_cast<int>(format));
  }
  return *found;
}

}  // namespace

std::span<const ToolFormat> tool_formats() {
  static const std::vector<ToolFormat> all = [] {
    std::vector<ToolFormat> formats;
    for (const FormatEntry& e : entries()) formats.push_back(e.format);
    return formats;
  }();
  return all;
}

std::string_view name(ToolFormat format) { return entry(format).name; }

ToolFormat parse_tool_format(std::string_view name) {
  std::vector<std::string_view> names;
  for (const FormatEntry& e : entries()) {
    if (e.name == name) return e.format;
    names.push_back(e.name);
  }
  fail(ErrorCode::invalid_argument, "tool format {}: there is none of this name; choose one of {}",
       name, fmt::join(names, ", "));
}

std::vector<std::string> markers(const OutputSyntax& syntax) {
  std::vector<std::string> all = entry(syntax.tools).markers;
  if (syntax.tools == ToolFormat::harmony) return all;
  const ReasoningTags& tags = syntax.reasoning;
  for (const std::string& tag : {tags.open, tags.close, tags.answer_open, tags.answer_close}) {
    if (!tag.empty()) all.push_back(tag);
  }
  return all;
}

std::vector<std::string> turn_end_markers(ToolFormat format) {
  switch (format) {
    case ToolFormat::harmony:
      return {"<|call|>", "<|return|>"};
    case ToolFormat::llama_json:
    case ToolFormat::pythonic:
      return {"<|eom_id|>"};
    default:
      return {};
  }
}

bool ends_in_reasoning(std::string_view prompt, const OutputSyntax& syntax) {
  const size_t end = prompt.find_last_not_of(" \t\r\n");
  if (end == std::string_view::npos) return false;
  return prompt.substr(0, end + 1)
      .ends_with(syntax.tools == ToolFormat::harmony ? "<|channel|>analysis<|message|>"
                                                     : std::string_view(syntax.reasoning.open));
}

}  // namespace tarn::text
