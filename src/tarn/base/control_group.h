// The control groups (containers) that this process runs in.
#pragma once

#include <filesystem>
#include <string_view>
#include <vector>

namespace tarn {

struct ControlGroup {
  std::filesystem::path folder;  // that holds the group's files
  bool unified;                  // of version 2: "memory.max", not "memory.limit_in_bytes"
};

// The groups of one controller ("memory", "cpu") that bind this process: its own and those above
// it. `root` stands for "/" in tests.
std::vector<ControlGroup> control_groups(std::string_view controller,
                                         const std::filesystem::path& root = "/");

}  // namespace tarn
