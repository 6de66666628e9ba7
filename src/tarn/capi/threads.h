// The process's one team of threads, among models that each may ask for a number of them.
#pragma once

#include <cstdint>

namespace tarn::capi {

class ThreadsInUse {
 public:
  // 0: whatever there is. Error(invalid_argument) below 0, above 1024, and for another number than
  // that of models which are loaded.
  explicit ThreadsInUse(int32_t threads);
  ~ThreadsInUse();
  ThreadsInUse(const ThreadsInUse&) = delete;
  ThreadsInUse& operator=(const ThreadsInUse&) = delete;
};

}  // namespace tarn::capi
