// What the engine's thread and its users share: requests on their way in, work to do between two
// steps, limits and counters. For engine.cpp.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <mutex>

#include "tarn/lm/engine_job.h"

namespace tarn {

class EngineQueue {
 public:
  explicit EngineQueue(const EngineOptions& options);

  // --- for any thread

  // Overloaded when all places are taken, or the engine is draining or stopped.
  void add(std::shared_ptr<EngineJob> job);
  void cancel(Engine::Id id);
  void wake();
  // Runs `work` on the engine's thread and waits for it. Overloaded when the engine is stopped.
  void run(std::function<void()> work);
  void set_limit(int64_t sequences, bool refuse_waiting);
  bool drain(std::chrono::milliseconds timeout);
  void stop();
  EngineStats stats() const;

  // --- for the engine's thread

  struct Taken {
    bool stopped = false;
    bool refuse_waiting = false;
    std::deque<std::shared_ptr<EngineJob>> jobs;
    std::deque<std::packaged_task<void()>> work;
  };
  // What has come; sleeps until there is something to do. `idle`: there is no answer at all, of
  // which deadlines could pass.
  Taken take(bool idle);
  // After a step. `busy`: the next one can begin at once; `counts` sets what else is known.
  void publish(bool busy, int64_t waiting, const std::function<void(EngineStats&)>& counts);
  void count(const std::function<void(EngineStats&)>& counts);
  int64_t limit() const;
  // The request is over; `seconds`: how long it ran, 0 when it never began.
  void forget(const EngineJob& job, double seconds);

 private:
  double retry_after() const;  // with the lock held

  const EngineOptions options_;
  mutable std::mutex mutex_;  // what follows
  std::condition_variable changed_;
  std::condition_variable idle_;
  std::deque<std::shared_ptr<EngineJob>> inbox_;
  std::deque<std::packaged_task<void()>> work_;
  std::map<Engine::Id, std::weak_ptr<EngineJob>> known_;
  int64_t waiting_ = 0;  // that the engine's thread has taken and not begun
  EngineStats stats_;
  double mean_seconds_ = 1;
  bool refuse_waiting_ = false;
  bool busy_ = false;
  bool woken_ = false;
  bool draining_ = false;
  bool stopping_ = false;
};

}  // namespace tarn
