#include "tarn/capi/threads.h"

#include <mutex>

#include "tarn/base/error.h"
#include "tarn/base/team.h"

namespace tarn::capi {
namespace {

std::mutex mutex;
int64_t models = 0;

}  // namespace

ThreadsInUse::ThreadsInUse(int32_t threads) {
  if (threads < 0 || threads > 1024) {
    fail(ErrorCode::invalid_argument, "threads: {} is not from 1 to 1024 (0: one a physical core)",
         threads);
  }
  const std::lock_guard lock(mutex);
  if (threads > 0 && models == 0) Team::set_size(threads);
  if (threads > 0 && models > 0 && threads != Team::instance().size()) {
    fail(ErrorCode::invalid_argument,
         "threads: {} are asked for, but a model is loaded that uses {}, and the process has them "
         "once; ask for 0, or free that model first",
         threads, Team::instance().size());
  }
  ++models;
}

ThreadsInUse::~ThreadsInUse() {
  const std::lock_guard lock(mutex);
  --models;
}

}  // namespace tarn::capi
