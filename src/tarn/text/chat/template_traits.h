// What a chat template takes, found by rendering small conversations with it.
#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <set>
#include <string>
#include <string_view>

#include "tarn/text/chat_template.h"

namespace tarn::text {

// The defaults are what most templates take.
struct TemplateTraits {
  bool argument_strings = false;  // shows earlier calls' arguments as JSON text, not as mappings
  bool content_strings = true;    // shows content that is a string
  // Of system, user, assistant, tool: whose content it shows, all of it, where that is an array of
  // {"type": "text", "text": ..}.
  std::set<std::string, std::less<>> content_parts;
  bool null_content = true;              // takes null as the content of a message with calls
  bool system_role = true;               // knows the role
  bool developer_role = false;           // knows the role, and not just any
  bool short_call_ids = false;           // wants ids of 9 letters and digits (Mistral)
  bool content_beside_reasoning = true;  // takes both in a message with calls (gpt-oss does not)
  // Under which name it shows the reasoning of a message with calls: reasoning_content, reasoning
  // or thinking; the first if it shows none.
  std::string reasoning_key = "reasoning_content";
  bool operator==(const TemplateTraits&) const = default;
};

// Renders about twenty short conversations; does not throw. source: of the template. variables: as
// in ChatInputs.
TemplateTraits probe_template(const ChatTemplate& chat_template, std::string_view source,
                              const nlohmann::ordered_json* variables = nullptr);

}  // namespace tarn::text
