// The JSON parameters that describe a conversation.
#pragma once

#include "tarn/lm/chat_prompt.h"

namespace tarn::capi {

// tools and kwargs may be null. Error(invalid_argument), naming the parameter and the place in it,
// for what is no JSON, no list of messages or functions, or no object.
Conversation read_conversation(const char* messages, const char* tools, const char* kwargs);

}  // namespace tarn::capi
