// The CPU's one set of threads. A run calls one function on every member at once; the caller is
// member 0. During a run a member that waits for another spins, and sleeps only when that takes
// milliseconds: the steps of a Program are short, and a thread that sleeps beside a busy process
// gets its processor back late. After a run members stay awake for as long as it takes to choose a
// token, and then sleep: an idle process uses no processor time.
//
// A team that takes every core binds each member to its own, the caller for the time of a run: left
// to the scheduler, two members that hand work to each other may share a core for seconds while
// another idles. Smaller teams are not bound, so that several processes do not meet on the same
// cores.
//
// Where other processes take the cores away, members wait for each other longer than they work:
// each meeting costs a slice of the scheduler's. The team notices that and asks for runs of one
// member for a while, which need no meetings; then it tries all of them again.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

namespace tarn {

inline void pause_processor() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Calls idle() again and again until done() or until `limit` has passed; whether it is done.
template <typename Done, typename Idle>
bool spin(Done&& done, std::chrono::microseconds limit, Idle&& idle) {
  constexpr int turns = 256;  // between looks at the clock
  const auto start = std::chrono::steady_clock::now();
  do {
    for (int i = 0; i < turns; ++i) {
      if (done()) return true;
      idle();
      pause_processor();
    }
  } while (std::chrono::steady_clock::now() - start < limit);
  return false;
}

// More than a slice of the scheduler's: a member that is not running comes back within one.
inline constexpr std::chrono::microseconds spin_within_run{4000};
// Choosing a token, and building the next step.
inline constexpr std::chrono::microseconds spin_between_runs{500};

// Members of a run share its work by small pieces: who waits longer waits for one that lost its
// core.
inline constexpr std::chrono::microseconds held_up{700};

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
    const auto open = [&] { return phase_.load(std::memory_order_acquire) != phase; };
    // Most waits are over before it is worth looking at the clock.
    constexpr int short_wait = 256;
    for (int i = 0; i < short_wait; ++i) {
      if (open()) return;
      idle();
      pause_processor();
    }
    const auto start = std::chrono::steady_clock::now();
    if (!spin(open, spin_within_run, idle)) sleep_until_changed(phase);
    const auto waited = std::chrono::steady_clock::now() - start;
    if (waited >= held_up) waited_.fetch_add(waited.count(), std::memory_order_relaxed);
  }
  // The time that members have waited here since the last call, all together, for others that were
  // held up.
  std::chrono::steady_clock::duration take_waited() {
    return std::chrono::steady_clock::duration(waited_.exchange(0, std::memory_order_relaxed));
  }

 private:
  // True for the last to come, which sends the others on.
  bool arrive(uint32_t& phase);
  void sleep_until_changed(uint32_t phase);

  const int members_;
  std::atomic<uint32_t> arrived_{0};
  std::atomic<uint32_t> phase_{0};
  std::atomic<std::chrono::steady_clock::rep> waited_{0};
};

class Team {
 public:
  // The process's team; made on first use with set_size's or else default_size() members.
  static Team& instance();
  // Call before the first evaluation, or while none runs. Error below 1 or above 1024.
  static void set_size(int threads);
  // default_thread_count() (base/cores.h).
  static int default_size();

  explicit Team(int threads);
  ~Team();
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;

  int size() const { return size_; }
  // How many members a run should have now: all, or one while the others are held up.
  int members_now() const;
  Barrier& barrier() { return barrier_; }

  // Calls work(member) on each member, returns when all have. `work` must not throw. One run at a
  // time.
  void run(const std::function<void(int)>& work);

 private:
  void worker(int member);
  void judge(std::chrono::steady_clock::duration elapsed);
  const int size_;
  const bool bound_;                  // to cores
  std::vector<std::thread> workers_;  // the members but the first
  Barrier barrier_;
  const std::function<void(int)>* work_ = nullptr;
  std::atomic<uint32_t> generation_{0};
  std::atomic<uint32_t> running_{0};
  std::atomic<bool> stopping_{false};

  // Of runs since the last judgement; the caller's alone.
  std::chrono::steady_clock::duration elapsed_{0};
  std::chrono::steady_clock::duration waited_{0};
  std::chrono::milliseconds pause_{0};  // of the next turn of one member
  std::atomic<std::chrono::steady_clock::rep> alone_until_{0};
};

}  // namespace tarn
