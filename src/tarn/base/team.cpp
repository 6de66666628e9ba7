#include "tarn/base/team.h"

#if defined(__linux__)
#include <pthread.h>
#include <sched.h>
#endif

#include <algorithm>
#include <mutex>

#include "tarn/base/cores.h"
#include "tarn/base/error.h"

namespace tarn {
namespace {

// Binds the calling thread to the core of a member while it lives. A hint: where the system
// refuses, the scheduler decides.
class Binding {
 public:
  Binding([[maybe_unused]] bool bind, [[maybe_unused]] int member) {
#if defined(__linux__)
    if (!bind || pthread_getaffinity_np(pthread_self(), sizeof(before_), &before_) != 0) return;
    cpu_set_t own;
    CPU_ZERO(&own);
    CPU_SET(usable_cores().processors[static_cast<size_t>(member)], &own);
    bound_ = pthread_setaffinity_np(pthread_self(), sizeof(own), &own) == 0;
#endif
  }
  ~Binding() {
#if defined(__linux__)
    if (bound_) pthread_setaffinity_np(pthread_self(), sizeof(before_), &before_);
#endif
  }
  Binding(const Binding&) = delete;
  Binding& operator=(const Binding&) = delete;

 private:
#if defined(__linux__)
  cpu_set_t before_{};
  bool bound_ = false;
#endif
};

// When meetings cost so much of the time, the members do better without each other.
constexpr double most_waiting = 0.4;
constexpr std::chrono::milliseconds judged_time{20};
constexpr std::chrono::milliseconds shortest_pause{100};
constexpr std::chrono::milliseconds longest_pause{2000};

std::mutex team_mutex;
std::unique_ptr<Team> team;

}  // namespace

bool Barrier::arrive(uint32_t& phase) {
  phase = phase_.load(std::memory_order_acquire);
  if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 != static_cast<uint32_t>(members_)) {
    return false;
  }
  arrived_.store(0, std::memory_order_relaxed);
  phase_.store(phase + 1, std::memory_order_release);
  phase_.notify_all();
  return true;
}

void Barrier::sleep_until_changed(uint32_t phase) {
  while (phase_.load(std::memory_order_acquire) == phase) {
    phase_.wait(phase, std::memory_order_acquire);
  }
}

Team& Team::instance() {
  const std::lock_guard lock(team_mutex);
  if (!team) team = std::make_unique<Team>(default_size());
  return *team;
}

void Team::set_size(int threads) {
  if (threads < 1 || threads > 1024) {
    fail(ErrorCode::invalid_argument, "threads: {} asked for; choose 1 to 1024", threads);
  }
  const std::lock_guard lock(team_mutex);
  if (team && team->size() == threads) return;
  team.reset();
  team = std::make_unique<Team>(threads);
}

int Team::default_size() { return default_thread_count(); }

Team::Team(int threads)
    : size_(threads),
      bound_(threads > 1 && static_cast<size_t>(threads) == usable_cores().processors.size()),
      barrier_(threads) {
  workers_.reserve(static_cast<size_t>(threads - 1));
  for (int member = 1; member < threads; ++member) {
    workers_.emplace_back([this, member] { worker(member); });
  }
}

Team::~Team() {
  stopping_.store(true, std::memory_order_relaxed);
  generation_.fetch_add(1, std::memory_order_release);
  generation_.notify_all();
  for (std::thread& thread : workers_) thread.join();
}

void Team::run(const std::function<void(int)>& work) {
  if (workers_.empty()) {
    work(0);
    return;
  }
  const Binding binding(bound_, 0);
  const auto start = std::chrono::steady_clock::now();
  work_ = &work;
  running_.store(static_cast<uint32_t>(size_ - 1), std::memory_order_relaxed);
  generation_.fetch_add(1, std::memory_order_release);
  generation_.notify_all();
  work(0);
  const auto done = [&] { return running_.load(std::memory_order_acquire) == 0; };
  if (!spin(done, spin_within_run, [] {})) {
    for (uint32_t left = running_.load(std::memory_order_acquire); left != 0;
         left = running_.load(std::memory_order_acquire)) {
      running_.wait(left, std::memory_order_acquire);
    }
  }
  judge(std::chrono::steady_clock::now() - start);
}

// Each pause is longer than the last while nothing gets better.
void Team::judge(std::chrono::steady_clock::duration elapsed) {
  elapsed_ += elapsed;
  waited_ += barrier_.take_waited();
  if (elapsed_ < judged_time) return;
  const auto part =
      std::chrono::duration<double>(waited_) / std::chrono::duration<double>(elapsed_);
  elapsed_ = waited_ = {};
  if (part < most_waiting * (size_ - 1)) {
    pause_ = {};
    return;
  }
  pause_ = std::clamp(pause_ * 2, shortest_pause, longest_pause);
  const auto until = std::chrono::steady_clock::now() + pause_;
  alone_until_.store(until.time_since_epoch().count(), std::memory_order_relaxed);
}

int Team::members_now() const {
  const auto until = alone_until_.load(std::memory_order_relaxed);
  if (until == 0) return size_;
  return std::chrono::steady_clock::now().time_since_epoch().count() < until ? 1 : size_;
}

void Team::worker(int member) {
  const Binding binding(bound_, member);
  uint32_t seen = 0;
  while (true) {
    const auto called = [&] { return generation_.load(std::memory_order_acquire) != seen; };
    if (!spin(called, spin_between_runs, [] {})) {
      while (!called()) generation_.wait(seen, std::memory_order_acquire);
    }
    ++seen;
    if (stopping_.load(std::memory_order_relaxed)) return;
    (*work_)(member);
    if (running_.fetch_sub(1, std::memory_order_acq_rel) == 1) running_.notify_all();
  }
}

}  // namespace tarn
