#include "tarn/base/team.h"

#include <hwloc.h>
#if defined(__linux__)
#include <pthread.h>
#include <sched.h>
#endif

#include <algorithm>
#include <mutex>

#include "tarn/base/error.h"

namespace tarn {
namespace {

// Returns once `value` differs from `old`.
void wait_for_change(const std::atomic<uint32_t>& value, uint32_t old) {
  for (int i = 0; i < spin_limit; ++i) {
    if (value.load(std::memory_order_acquire) != old) return;
    pause_processor();
  }
  while (value.load(std::memory_order_acquire) == old) value.wait(old, std::memory_order_acquire);
}

// Physical cores that this process may run on, as the number of one logical processor of each.
const std::vector<unsigned>& cores() {
  static const std::vector<unsigned> found = [] {
    std::vector<unsigned> numbers;
    hwloc_topology_t topology = nullptr;
    if (hwloc_topology_init(&topology) == 0) {
      if (hwloc_topology_load(topology) == 0) {
        hwloc_cpuset_t allowed = hwloc_bitmap_alloc();
        if (hwloc_get_cpubind(topology, allowed, HWLOC_CPUBIND_PROCESS) != 0) {
          hwloc_bitmap_fill(allowed);
        }
        const int count = hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_CORE);
        for (int i = 0; i < count; ++i) {
          const hwloc_obj_t core =
              hwloc_get_obj_by_type(topology, HWLOC_OBJ_CORE, static_cast<unsigned>(i));
          if (hwloc_bitmap_intersects(core->cpuset, allowed) == 0) continue;
          numbers.push_back(static_cast<unsigned>(hwloc_bitmap_first(core->cpuset)));
        }
        hwloc_bitmap_free(allowed);
      }
      hwloc_topology_destroy(topology);
    }
    if (numbers.empty()) {
      for (unsigned i = 0; i < std::max(1U, std::thread::hardware_concurrency()); ++i) {
        numbers.push_back(i);
      }
    }
    return numbers;
  }();
  return found;
}

// A hint: where the system refuses, the scheduler decides.
void bind_to_core([[maybe_unused]] unsigned processor) {
#if defined(__linux__)
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(processor, &set);
  pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
#endif
}

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

int Team::default_size() { return static_cast<int>(cores().size()); }

Team::Team(int threads) : size_(threads), barrier_(threads) {
  if (threads == 1) return;
  workers_.reserve(static_cast<size_t>(threads));
  for (int member = 0; member < threads; ++member) {
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
  work_ = &work;
  running_.store(static_cast<uint32_t>(size_), std::memory_order_relaxed);
  generation_.fetch_add(1, std::memory_order_release);
  generation_.notify_all();
  // No spinning here: the members need the cores.
  for (uint32_t left = running_.load(std::memory_order_acquire); left != 0;
       left = running_.load(std::memory_order_acquire)) {
    running_.wait(left, std::memory_order_acquire);
  }
}

void Team::worker(int member) {
  if (static_cast<size_t>(size_) == cores().size()) {
    bind_to_core(cores()[static_cast<size_t>(member)]);
  }
  uint32_t seen = 0;
  while (true) {
    wait_for_change(generation_, seen);
    ++seen;
    if (stopping_.load(std::memory_order_relaxed)) return;
    (*work_)(member);
    if (running_.fetch_sub(1, std::memory_order_acq_rel) == 1) running_.notify_all();
  }
}

}  // namespace tarn
