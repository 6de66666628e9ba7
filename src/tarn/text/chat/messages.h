// Messages as clients send them (OpenAI's chat completions), made into what a template takes.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "tarn/text/chat/template_traits.h"

namespace tarn::text {

// Returns the messages with, as the traits ask for it:
// - arguments of tool calls as mappings or as JSON text; "" and null are {};
// - content arrays of text parts joined by line breaks, or strings as parts;
// - `developer` as `system`; a system message as the beginning of the first user's message;
// - content that is missing or null as "";
// - reasoning (reasoning_content, reasoning, thinking) under the template's name for it;
// - ids of calls shortened, the same way everywhere;
// and always: `type` and `id` of each call, `tool_call_id` and `name` of each result, from the call
// that it answers; no empty `tool_calls`; results that are no text as JSON text.
//
// Error(invalid_argument), naming the place (messages[2].tool_calls[0]...), for what is no
// conversation, and for parts that are not text where the template takes only text.
nlohmann::ordered_json normalize_messages(const nlohmann::ordered_json& messages,
                                          const TemplateTraits& traits);

}  // namespace tarn::text
