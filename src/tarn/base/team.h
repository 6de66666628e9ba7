// The CPU's one set of threads. A run calls one function on every member at once while the caller
// sleeps. Waiting spins briefly and then sleeps, so an idle process uses no processor time. A team
// that takes every core binds each member to its own: left to the scheduler, two members that hand
// work to each other may share a core for seconds while another idles. Smaller teams are not bound,
// so that several processes do not meet on the same cores.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

namespace tarn {

// About 20 microseconds: longer than a step of decode, shorter than a scheduler's tick.
inline constexpr int spin_limit = 4000;

inline void pause_processor() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Meeting point of the members during a run.
class Barrier {
 public:
  explicit Barrier(int members) : members_(members) {}
  void wait() {
    wait([] {});
  }
  // Calls idle() again and again while others are on their way; it must be short.
  template <typename Idle>
  void wait(Idle&& idle) {
    uint32_t phase = 0;
    if (arrive(phase)) return;
    for (int i = 0; i < spin_limit; ++i) {
      if (phase_.load(std::memory_order_acquire) != phase) return;
      idle();
      pause_processor();
    }
    sleep_until_changed(phase);
  }

 private:
  // True for the last to come, which sends the others on.
  bool arrive(uint32_t& phase);
  void sleep_until_changed(uint32_t phase);

  const int members_;
  std::atomic<uint32_t> arrived_{0};
  std::atomic<uint32_t> phase_{0};
};

class Team {
 public:
  // The process's team; made on first use with set_size's or else default_size() members.
  static Team& instance();
  // Call before the first evaluation, or while none runs. Error below 1 or above 1024.
  static void set_size(int threads);
  // Physical cores this process may run on.
  static int default_size();

  explicit Team(int threads);
  ~Team();
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;

  int size() const { return size_; }
  Barrier& barrier() { return barrier_; }

  // Calls work(member) on each member, returns when all have; a team of one works on the calling
  // thread. `work` must not throw. One run at a time.
  void run(const std::function<void(int)>& work);

 private:
  void worker(int member);
  const int size_;
  std::vector<std::thread> workers_;  // none in a team of one
  Barrier barrier_;
  const std::function<void(int)>* work_ = nullptr;
  std::atomic<uint32_t> generation_{0};
  std::atomic<uint32_t> running_{0};
  std::atomic<bool> stopping_{false};
};

}  // namespace tarn
