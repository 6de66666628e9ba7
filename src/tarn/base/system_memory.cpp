#include "tarn/base/system_memory.h"

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <limits>

#include "tarn/base/control_group.h"

namespace tarn {

uint64_t available_memory_bytes(const std::filesystem::path& root) {
  const long pages = ::sysconf(_SC_PHYS_PAGES);
  const long page_bytes = ::sysconf(_SC_PAGESIZE);
  uint64_t limit = pages > 0 && page_bytes > 0
                       ? static_cast<uint64_t>(pages) * static_cast<uint64_t>(page_bytes)
                       : std::numeric_limits<uint64_t>::max();
  for (const ControlGroup& group : control_groups("memory", root)) {
    // "max", or no file, is no limit.
    std::ifstream file(group.folder / (group.unified ? "memory.max" : "memory.limit_in_bytes"));
    if (uint64_t bytes = 0; file >> bytes) limit = std::min(limit, bytes);
  }
  return limit;
}

}  // namespace tarn
