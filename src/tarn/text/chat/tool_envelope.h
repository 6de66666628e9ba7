// The text around a call's name and arguments, for building a grammar that makes a model call
// (tool_choice "required" or a named function).
#pragma once

#include <string>

#include "tarn/text/chat/tool_format.h"

namespace tarn::text {

// An answer that is calls reads
//   begin + call + separator + call + ... + end,     call = before_name NAME before_arguments
//                                                           ARGUMENTS after_arguments.
struct ToolEnvelope {
  enum class Arguments : uint8_t {
    json,    // one JSON object of the tool's schema
    xml,     // for each parameter: before_key KEY before_value VALUE after_value
    python,  // KEY=VALUE, separated by ", "; values are Python literals
    gemma,   // KEY:VALUE, separated by ","; strings between <|"|>
  };
  std::string begin{};
  std::string before_name{};
  std::string before_arguments{};
  std::string after_arguments{};
  std::string separator{};
  std::string end{};
  Arguments arguments = Arguments::json;

  // xml: strings stand as they are, everything else as JSON.
  std::string before_key{};
  std::string before_value{};       // of strings
  std::string before_json_value{};  // of everything else; the same in most formats
  std::string after_value{};

  bool parallel = true;  // several calls can follow one another
  bool triggered =
      true;  // content may come before: `begin` (or before_name) tells that calls start
};

// What the parser reads back, in the form that the format's templates show.
ToolEnvelope tool_envelope(ToolFormat format);

}  // namespace tarn::text
