#include "tarn/base/system_memory.h"

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <limits>
#include <string>

namespace tarn {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t no_limit = std::numeric_limits<uint64_t>::max();

// The number in a file; "max", or no file, is no limit.
uint64_t limit_in(const fs::path& file) {
  std::ifstream stream(file);
  uint64_t bytes = 0;
  return stream >> bytes ? bytes : no_limit;
}

// A group is bound by its own limit and by those above it.
uint64_t limit_of_group(const fs::path& mount, const std::string& group, const char* file) {
  uint64_t limit = no_limit;
  for (fs::path path = fs::path(group).relative_path();; path = path.parent_path()) {
    limit = std::min(limit, limit_in(mount / path / file));
    if (path.empty()) return limit;
  }
}

}  // namespace

uint64_t available_memory_bytes(const fs::path& root) {
  const long pages = ::sysconf(_SC_PHYS_PAGES);
  const long page_bytes = ::sysconf(_SC_PAGESIZE);
  uint64_t limit = pages > 0 && page_bytes > 0
                       ? static_cast<uint64_t>(pages) * static_cast<uint64_t>(page_bytes)
                       : no_limit;
  const fs::path mount = root / "sys/fs/cgroup";
  std::ifstream groups(root / "proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {  // "0::/a/b", or "4:memory:/a/b" before
    const size_t first = line.find(':');
    const size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const std::string group = line.substr(second + 1);
    if (controllers.empty()) {
      limit = std::min(limit, limit_of_group(mount, group, "memory.max"));
    } else if (controllers == "memory") {
      limit = std::min(limit, limit_of_group(mount / "memory", group, "memory.limit_in_bytes"));
    }
  }
  return limit;
}

}  // namespace tarn
