// Ctrl-C in one place: the first one asks the work to stop, a second one while it has not stopped
// ends the program.
#pragma once

#include <atomic>

namespace tarn::cli {

// While it lives, SIGINT sets the flag instead of ending the program. Scopes do not nest.
class InterruptScope {
 public:
  // restart: system calls that wait go on waiting; otherwise they fail with EINTR.
  explicit InterruptScope(bool restart = true);
  ~InterruptScope();
  InterruptScope(const InterruptScope&) = delete;
  InterruptScope& operator=(const InterruptScope&) = delete;

  const std::atomic<bool>& flag() const;  // for GenerateOptions::cancel
  bool interrupted() const { return flag().load(std::memory_order_relaxed); }
};

}  // namespace tarn::cli
