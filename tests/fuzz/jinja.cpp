// Parses the input as a chat template and renders it for a conversation with tools.
#include <cstddef>
#include <cstdint>
#include <string>

#include "tarn/base/json.h"
#include "tarn/text/chat_template.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const auto conversation = tarn::parse_ordered_json(
      R"({"messages": [{"role": "system", "content": "Be terse."},
                       {"role": "user", "content": [{"type": "text", "text": "é 你好 <b>"}]},
                       {"role": "assistant", "content": null, "tool_calls": [{"type": "function",
                        "function": {"name": "f", "arguments": {"a": 1, "b": -2.5, "c": [true]}}}]}],
          "tools": [{"type": "function", "function": {"name": "f", "description": "it's"}}],
          "variables": {"bos_token": "<s>", "n": 7, "s": "Hello, World", "d": {"items": 1}}})",
      "conversation");
  tarn::text::jinja::Limits limits;
  limits.max_steps = 20'000;
  limits.max_memory = 1 << 20;
  limits.max_output = 1 << 20;
  tarn::text::ChatInputs inputs;
  inputs.messages = &conversation["messages"];
  inputs.tools = &conversation["tools"];
  inputs.variables = &conversation["variables"];
  inputs.add_generation_prompt = true;
  inputs.now = std::chrono::local_seconds(std::chrono::seconds(1'768'478'400));
  try {
    const std::string source(reinterpret_cast<const char*>(data), size);
    tarn::text::ChatTemplate(source, "fuzz", limits).render(inputs);
  } catch (const tarn::text::TemplateError&) {
  }
  return 0;
}
