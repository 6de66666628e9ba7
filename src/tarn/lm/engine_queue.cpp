#include "tarn/lm/engine_queue.h"

#include <fmt/format.h>

#include <algorithm>

namespace tarn {
namespace {

// How long the engine sleeps at most while all answers are paused.
constexpr std::chrono::milliseconds longest_sleep{20};

[[noreturn]] void refuse_shutting_down() {
  throw Overloaded("server: it is shutting down; try another one", 5, true);
}

}  // namespace

EngineQueue::EngineQueue(const EngineOptions& options) : options_(options) {
  stats_.limit = options.max_sequences;
  stats_.cache_bytes = options.cache_bytes;
}

void EngineQueue::add(std::shared_ptr<EngineJob> job) {
  {
    const std::lock_guard lock(mutex_);
    if (draining_ || stopping_) {
      ++stats_.refused;
      refuse_shutting_down();
    }
    // Those that can run at once do not wait.
    const int64_t places = options_.max_queue + std::max<int64_t>(0, stats_.limit - stats_.running);
    if (waiting_ + static_cast<int64_t>(inbox_.size()) >= places) {
      ++stats_.refused;
      throw Overloaded(
          fmt::format("queue: all {} places are taken; try again later", options_.max_queue),
          retry_after(), false);
    }
    ++stats_.accepted;
    known_[job->id] = job;
    inbox_.push_back(std::move(job));
  }
  changed_.notify_all();
}

void EngineQueue::cancel(Engine::Id id) {
  {
    const std::lock_guard lock(mutex_);
    const auto found = known_.find(id);
    if (found == known_.end()) return;
    if (const auto job = found->second.lock()) job->cancelled = true;
  }
  wake();
}

void EngineQueue::wake() {
  {
    const std::lock_guard lock(mutex_);
    woken_ = true;
  }
  changed_.notify_all();
}

void EngineQueue::run(std::function<void()> work) {
  std::packaged_task<void()> task(std::move(work));
  std::future<void> done = task.get_future();
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) refuse_shutting_down();
    work_.push_back(std::move(task));
  }
  changed_.notify_all();
  done.get();
}

void EngineQueue::set_limit(int64_t sequences, bool refuse_waiting) {
  {
    const std::lock_guard lock(mutex_);
    stats_.limit = std::clamp<int64_t>(sequences, 0, options_.max_sequences);
    refuse_waiting_ = refuse_waiting;
    woken_ = true;
  }
  changed_.notify_all();
}

bool EngineQueue::drain(std::chrono::milliseconds timeout) {
  std::unique_lock lock(mutex_);
  draining_ = true;
  return idle_.wait_for(lock, timeout,
                        [&] { return inbox_.empty() && waiting_ == 0 && stats_.running == 0; });
}

void EngineQueue::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
}

EngineStats EngineQueue::stats() const {
  const std::lock_guard lock(mutex_);
  EngineStats all = stats_;
  all.waiting = waiting_ + static_cast<int64_t>(inbox_.size());
  return all;
}

EngineQueue::Taken EngineQueue::take(bool idle) {
  std::unique_lock lock(mutex_);
  const auto ready = [&] {
    return stopping_ || woken_ || !inbox_.empty() || !work_.empty() || busy_;
  };
  if (idle) {
    changed_.wait(lock, ready);
  } else if (!ready()) {  // all are paused, or wait for room: deadlines go on
    changed_.wait_for(lock, longest_sleep, ready);
  }
  woken_ = false;
  Taken taken;
  taken.stopped = stopping_;
  taken.refuse_waiting = refuse_waiting_;
  taken.jobs.swap(inbox_);
  taken.work.swap(work_);
  waiting_ += static_cast<int64_t>(taken.jobs.size());
  return taken;
}

void EngineQueue::publish(bool busy, int64_t waiting,
                          const std::function<void(EngineStats&)>& counts) {
  const std::lock_guard lock(mutex_);
  busy_ = busy;
  waiting_ = waiting;
  counts(stats_);
  if (inbox_.empty() && waiting_ == 0 && stats_.running == 0) idle_.notify_all();
}

void EngineQueue::count(const std::function<void(EngineStats&)>& counts) {
  const std::lock_guard lock(mutex_);
  counts(stats_);
}

int64_t EngineQueue::limit() const {
  const std::lock_guard lock(mutex_);
  return stats_.limit;
}

void EngineQueue::forget(const EngineJob& job, double seconds) {
  constexpr double weight = 0.2;
  const std::lock_guard lock(mutex_);
  known_.erase(job.id);
  if (seconds > 0) mean_seconds_ += weight * (seconds - mean_seconds_);
}

// Seconds until a place is likely to be free.
double EngineQueue::retry_after() const {
  const auto waiting = static_cast<double>(waiting_ + static_cast<int64_t>(inbox_.size()));
  const auto places = static_cast<double>(std::max<int64_t>(1, stats_.limit));
  return std::clamp(mean_seconds_ * (waiting / places) / 2, 1.0, 60.0);
}

}  // namespace tarn
