#include "tarn/base/system_memory.h"

#include <gtest/gtest.h>

#include "tests/io/safetensors_files.h"

namespace tarn {
namespace {

namespace fs = std::filesystem;

class SystemMemory : public ::testing::Test {
 protected:
  void file(const char* path, const std::string& text) const {
    fs::create_directories((root() / path).parent_path());
    testing::write(root() / path, text);
  }
  const fs::path& root() const { return folder_.path(); }

 private:
  testing::TemporaryFolder folder_;
};

TEST_F(SystemMemory, WithoutGroupsIsTheMachines) {
  EXPECT_GT(available_memory_bytes(root()), uint64_t{1} << 26);
  EXPECT_LE(available_memory_bytes(), available_memory_bytes(root()));
}

TEST_F(SystemMemory, AGroupsLimitCounts) {
  const uint64_t machine = available_memory_bytes(root());
  file("proc/self/cgroup", "0::/user/session\n");
  file("sys/fs/cgroup/user/session/memory.max", "max\n");
  EXPECT_EQ(available_memory_bytes(root()), machine);
  file("sys/fs/cgroup/user/memory.max", "33554432\n");  // of the group above
  EXPECT_EQ(available_memory_bytes(root()), 33554432U);
  file("sys/fs/cgroup/user/session/memory.max", "16777216\n");
  EXPECT_EQ(available_memory_bytes(root()), 16777216U);
  file("sys/fs/cgroup/user/session/memory.max", "junk");
  EXPECT_EQ(available_memory_bytes(root()), 33554432U);
}

TEST_F(SystemMemory, TheFirstVersionOfGroupsCounts) {
  file("proc/self/cgroup", "junk\n5:cpu,cpuacct:/box\n4:memory:/box\n");
  file("sys/fs/cgroup/memory/box/memory.limit_in_bytes", "33554432\n");
  EXPECT_EQ(available_memory_bytes(root()), 33554432U);
}

}  // namespace
}  // namespace tarn
