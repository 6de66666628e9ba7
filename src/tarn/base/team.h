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

// Meeting point of the members during a run.
class Barrier {
 public:
  explicit Barrier(int members) : members_(members) {}
  void wait();

 private:
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
