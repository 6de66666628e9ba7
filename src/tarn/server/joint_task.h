// Several prompts of one request.
#pragma once

#include <vector>

#include "tarn/server/task.h"

namespace tarn::server {

// Submits all tasks, which have as many choices each, behind one responder and one receiver: choice
// i of task j is the receiver's choice j * choices + i, usage is that of all together. The first
// error of any ends them all. Errors as run()'s.
void run_jointly(Service& service, std::vector<Task> tasks,
                 const std::shared_ptr<Responder>& responder, std::shared_ptr<Receiver> receiver);

}  // namespace tarn::server
