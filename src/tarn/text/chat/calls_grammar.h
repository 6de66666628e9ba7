// Grammars of answers that are tool calls, for tool_choice.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "tarn/text/chat/tool_envelope.h"
#include "tarn/text/grammar/grammar.h"

namespace tarn::text {

// One to `most` calls of `tools` (OpenAI's list of functions, not empty), as OutputParser reads
// them back; arguments follow the tools' schemas. In formats that write parameters as text, a
// string parameter is any text that does not hold what ends it.
//
// unsupported: Gemma's notation; what Grammar::from_json_schema does not honour, naming the tool.
Grammar calls_grammar(const ToolEnvelope& envelope, const nlohmann::ordered_json& tools, int most);

}  // namespace tarn::text
