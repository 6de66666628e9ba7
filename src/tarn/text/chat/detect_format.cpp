// Which format a model writes, from the source of its chat template.
#include "tarn/text/chat/tool_format.h"

namespace tarn::text {
namespace {

struct Sign {
  ToolFormat format;
  std::string_view first;
  std::string_view second = {};  // needed too
};

// The first that fits. Those whose markers stand in other formats' templates as well come late.
constexpr Sign signs[] = {
    {ToolFormat::harmony, "<|channel|>", "<|message|>"},
    {ToolFormat::dsml, "｜DSML｜"},
    {ToolFormat::gemma, "<|tool_call>", "<tool_call|>"},
    {ToolFormat::minimax, "<minimax:tool_call>"},
    {ToolFormat::seed_xml, "<seed:tool_call>"},
    {ToolFormat::deepseek, "<｜tool▁call▁begin｜>"},
    {ToolFormat::kimi, "<|tool_calls_section_begin|>"},
    {ToolFormat::glm, "<arg_key>"},
    {ToolFormat::qwen_xml, "<function=", "<parameter="},
    {ToolFormat::mistral, "[TOOL_CALLS]"},
    {ToolFormat::hermes, "<tool_call>"},
    {ToolFormat::cohere, "<|START_ACTION|>"},
    {ToolFormat::apertus, "<|tools_prefix|>"},
    {ToolFormat::nemotron, "<TOOLCALL>"},
    {ToolFormat::pythonic, "<|tool_call_start|>"},
    {ToolFormat::pythonic, "<|tool_list_start|>"},  // LFM2 shows tools, not calls
    {ToolFormat::granite, "<|tool_call|>"},
    {ToolFormat::gigachat, "<|role_sep|>", "function call"},
    {ToolFormat::functionary, ">>>", "functions"},
    {ToolFormat::llama_json, "<|start_header_id|>", "\"parameters\": "},
    {ToolFormat::llama_json, "<|header_start|>", "\"parameters\": "},  // Llama 4
    {ToolFormat::pythonic, "<|start_header_id|>", "func_name1("},
    {ToolFormat::pythonic, "<|header_start|>", "func_name1("},
    {ToolFormat::pythonic, "<|python_start|>"},
    {ToolFormat::llama_json, "<|python_tag|>"},
    {ToolFormat::command_r, "Action:", "tool_name"},
};

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

}  // namespace

ToolFormat detect_tool_format(std::string_view template_source) {
  for (const Sign& sign : signs) {
    if (contains(template_source, sign.first) && contains(template_source, sign.second)) {
      return sign.format;
    }
  }
  return ToolFormat::hermes;
}

ReasoningTags detect_reasoning_tags(std::string_view template_source) {
  const auto has = [&](std::string_view part) { return contains(template_source, part); };
  if (has("<|channel>thought")) return {"<|channel>thought", "<channel|>", {}, {}};
  if (has("[THINK]")) return {"[THINK]", "[/THINK]", {}, {}};
  if (has("<seed:think>")) return {"<seed:think>", "</seed:think>", {}, {}};
  if (has("<|inner_prefix|>")) return {"<|inner_prefix|>", "<|inner_suffix|>", {}, {}};
  if (has("<|START_THINKING|>")) {
    if (has("<|START_TEXT|>")) {
      return {"<|START_THINKING|>", "<|END_THINKING|>", "<|START_TEXT|>", "<|END_TEXT|>"};
    }
    return {"<|START_THINKING|>", "<|END_THINKING|>", "<|START_RESPONSE|>", "<|END_RESPONSE|>"};
  }
  if (has("<think>") && has("<response>")) {
    return {"<think>", "</think>", "<response>", "</response>"};
  }
  return {"<think>", "</think>", {}, {}};
}

OutputSyntax detect_output_syntax(std::string_view template_source) {
  return {detect_tool_format(template_source), detect_reasoning_tags(template_source)};
}

}  // namespace tarn::text
