// What a line beginning with a slash does in the chat.
#pragma once

#include <string>
#include <string_view>

#include "tarn/cli/options.h"
#include "tarn/lm/session.h"

namespace tarn::cli {

// Everything that a command may look at or change.
struct ChatState {
  Session& session;
  SamplingOptions sampling;
  std::string last_stats;  // of the last answer; empty before
  bool finished = false;
};

// Carries out one command and prints what it has to say. Errors (a file that cannot be read, a
// value out of range, an unknown command) are thrown and leave everything as it was.
void chat_command(std::string_view line, ChatState& state);

}  // namespace tarn::cli
