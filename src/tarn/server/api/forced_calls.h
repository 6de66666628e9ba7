// tool_choice: answers that are calls, whatever the model would rather say.
#pragma once

#include "tarn/base/json.h"
#include "tarn/server/service.h"
#include "tarn/server/task.h"

namespace tarn::server {

// Gives the task the grammar of one to `most` calls of `tools` (OpenAI's list, not empty) in the
// form that the model's family writes. ApiError 400 where that form has no grammar, or the task has
// one already.
void force_calls(Service& service, const ordered_json& tools, Task& task, int most);

}  // namespace tarn::server
