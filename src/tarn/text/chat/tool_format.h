// How a family of models writes its reasoning and its tool calls.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tarn::text {

// Each is what the family's chat template shows a model as an earlier call of its own. In comments:
// the form, or where it is published.
enum class ToolFormat : uint8_t {
  hermes,      // <tool_call>\n{"name": .., "arguments": {..}}\n</tool_call>: Hermes, Qwen2.5, Qwen3
  qwen_xml,    // <tool_call>\n<function=NAME>\n<parameter=KEY>\nVALUE\n</parameter>\n</function>\n
               // </tool_call>: Qwen3-Coder, Qwen3.5, Nemotron 3, Step 3.5
  seed_xml,    // the same within <seed:tool_call>, values without line breaks around: Seed-OSS
  llama_json,  // {"name": .., "parameters": {..}}; {..}, perhaps behind <|python_tag|>: Llama 3.x,
               // 4
  pythonic,    // [f(a=1, b="x"), g()], perhaps in a pair of markers: Llama 3.2, Llama 4, LFM2
  mistral,     // [TOOL_CALLS][{..}, ..] and [TOOL_CALLS]NAME[CALL_ID]ID[ARGS]{..}
  deepseek,  // <｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>NAME\n```json\n{..}\n```
             // <｜tool▁call▁end｜><｜tool▁calls▁end｜> (V3, R1) and NAME<｜tool▁sep｜>{..} (V3.1)
  dsml,      // <｜DSML｜function_calls>\n<｜DSML｜invoke name="NAME">..: DeepSeek V3.2, V4
  harmony,   // channels: <|channel|>commentary to=functions.NAME <|constrain|>json<|message|>{..}
             // <|call|>: gpt-oss (OpenAI harmony response format)
  granite,   // <|tool_call|>[{..}, ..]: Granite 3, Phi-4-mini
  cohere,  // <|START_ACTION|>[{"tool_name": .., "parameters": {..}}]<|END_ACTION|>: Command A, R7B
  command_r,    // Action: ```json [{"tool_name": .., "parameters": {..}}] ```: Command R, R+
  functionary,  // >>>NAME\n{..}, >>>all\nCONTENT: Functionary 3.2
  glm,  // <tool_call>NAME\n<arg_key>KEY</arg_key>\n<arg_value>VALUE</arg_value>\n</tool_call>
  kimi,  // <|tool_calls_section_begin|><|tool_call_begin|>functions.NAME:0<|tool_call_argument_begin|>
         // {..}<|tool_call_end|><|tool_calls_section_end|>: Kimi K2
  minimax,   // <minimax:tool_call>\n<invoke name="NAME">\n<parameter name="KEY">VALUE</parameter>..
  apertus,   // <|tools_prefix|>[{"NAME": {..}}, ..]<|tools_suffix|>
  gemma,     // <|tool_call>call:NAME{KEY:<|"|>TEXT<|"|>,N:1}<tool_call|>: Gemma 4
  nemotron,  // <TOOLCALL>[{..}, ..]</TOOLCALL>: Nemotron Nano 2
  gigachat,  // function call<|role_sep|>\n{"name": .., "arguments": {..}}<|message_sep|>: GigaChat
             // 3
};

std::span<const ToolFormat> tool_formats();  // all of them
std::string_view name(ToolFormat format);    // as above
// Error(invalid_argument) that lists the names there are.
ToolFormat parse_tool_format(std::string_view name);

// The tags around reasoning (both are needed), and those that some families put around the answer
// that follows it.
struct ReasoningTags {
  std::string open = "<think>";
  std::string close = "</think>";
  std::string answer_open;  // both empty: the answer stands by itself
  std::string answer_close;
  bool operator==(const ReasoningTags&) const = default;
};

// How a model's output is to be read. Harmony has its channels and needs no tags.
struct OutputSyntax {
  ToolFormat tools = ToolFormat::hermes;
  ReasoningTags reasoning;
};

// Chooses by the markers in a chat template's source. A template that shows no calls gets hermes,
// whose markers do not occur by chance, and <think>.
OutputSyntax detect_output_syntax(std::string_view template_source);
ToolFormat detect_tool_format(std::string_view template_source);
ReasoningTags detect_reasoning_tags(std::string_view template_source);

// What must survive decoding for the output to be read. Many of these are special tokens, which a
// decoder drops unless it is told to keep them.
std::vector<std::string> markers(const OutputSyntax& syntax);

// Tokens that end a turn though they may not be the model's end-of-sequence token: <|call|> and
// <|return|> in harmony, <|eom_id|> behind Llama's calls. Generation has to stop there.
std::vector<std::string> turn_end_markers(ToolFormat format);

// Whether a rendered prompt ends inside reasoning, so that the output goes on with it.
bool ends_in_reasoning(std::string_view prompt, const OutputSyntax& syntax);

}  // namespace tarn::text
