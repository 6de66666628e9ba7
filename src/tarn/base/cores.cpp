#include "tarn/base/cores.h"

#include <hwloc.h>
#include <hwloc/cpukinds.h>

#include <algorithm>
#include <fstream>
#include <limits>
#include <string>
#include <thread>

#include "tarn/base/control_group.h"

namespace tarn {
namespace {

struct Core {
  int kind;  // higher is faster
  int node;  // NUMA
  unsigned processor;
};

int node_of(hwloc_topology_t topology, hwloc_const_cpuset_t cpuset) {
  hwloc_nodeset_t nodes = hwloc_bitmap_alloc();
  hwloc_cpuset_to_nodeset(topology, cpuset, nodes);
  const int first = hwloc_bitmap_first(nodes);
  hwloc_bitmap_free(nodes);
  return first;
}

std::vector<Core> find_cores(hwloc_topology_t topology) {
  std::vector<Core> cores;
  hwloc_cpuset_t allowed = hwloc_bitmap_alloc();
  if (hwloc_get_cpubind(topology, allowed, HWLOC_CPUBIND_PROCESS) != 0) hwloc_bitmap_fill(allowed);
  const int count = std::max(0, hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_CORE));
  for (int i = 0; i < count; ++i) {
    const hwloc_obj_t core =
        hwloc_get_obj_by_type(topology, HWLOC_OBJ_CORE, static_cast<unsigned>(i));
    hwloc_cpuset_t usable = hwloc_bitmap_alloc();
    hwloc_bitmap_and(usable, core->cpuset, allowed);
    if (hwloc_bitmap_iszero(usable) == 0) {
      // -1 where the system tells no kinds apart.
      const int kind = hwloc_cpukinds_get_by_cpuset(topology, core->cpuset, 0);
      cores.push_back({kind, node_of(topology, core->cpuset),
                       static_cast<unsigned>(hwloc_bitmap_first(usable))});
    }
    hwloc_bitmap_free(usable);
  }
  hwloc_bitmap_free(allowed);
  return cores;
}

Cores find() {
  std::vector<Core> cores;
  hwloc_topology_t topology = nullptr;
  if (hwloc_topology_init(&topology) == 0) {
    if (hwloc_topology_load(topology) == 0) cores = find_cores(topology);
    hwloc_topology_destroy(topology);
  }
  if (cores.empty()) {
    for (unsigned i = 0; i < std::max(1U, std::thread::hardware_concurrency()); ++i) {
      cores.push_back({0, 0, i});
    }
  }
  std::stable_sort(cores.begin(), cores.end(), [](const Core& a, const Core& b) {
    return a.kind != b.kind ? a.kind > b.kind : a.node < b.node;
  });
  Cores result;
  result.fastest =
      static_cast<int>(std::count_if(cores.begin(), cores.end(), [&](const Core& core) {
        return core.kind == cores.front().kind;
      }));
  for (const Core& core : cores) result.processors.push_back(core.processor);
  return result;
}

}  // namespace

const Cores& usable_cores() {
  static const Cores cores = find();
  return cores;
}

double processor_quota(const std::filesystem::path& root) {
  double quota = std::numeric_limits<double>::infinity();
  for (const ControlGroup& group : control_groups("cpu", root)) {
    double time = 0;
    double period = 0;
    if (group.unified) {  // "max 100000", or "150000 100000"
      std::ifstream file(group.folder / "cpu.max");
      if (!(file >> time >> period)) continue;
    } else {  // no quota is -1
      std::ifstream time_file(group.folder / "cpu.cfs_quota_us");
      std::ifstream period_file(group.folder / "cpu.cfs_period_us");
      if (!(time_file >> time) || !(period_file >> period)) continue;
    }
    if (time > 0 && period > 0) quota = std::min(quota, time / period);
  }
  return quota;
}

int default_thread_count() {
  const int fastest = usable_cores().fastest;
  const double quota = processor_quota();
  return quota < fastest ? std::max(1, static_cast<int>(quota)) : fastest;
}

}  // namespace tarn
