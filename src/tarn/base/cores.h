// Which processors this process may use, and how many threads that makes.
#pragma once

#include <filesystem>
#include <vector>

namespace tarn {

struct Cores {
  // One logical processor of each physical core that the process may run on: the fastest kind of
  // core first, cores of one NUMA node side by side. At least one.
  std::vector<unsigned> processors;
  int fastest = 1;  // how many are of the fastest kind
};
const Cores& usable_cores();

// Processors' worth of time that control groups (containers) grant; infinity without a quota.
// `root` stands for "/" in tests.
double processor_quota(const std::filesystem::path& root = "/");

// A thread for each core of the fastest kind, as far as the quota lasts: where it ends, the system
// stops threads for a while, and those that still run would wait for them.
int default_thread_count();

}  // namespace tarn
