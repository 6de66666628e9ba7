#include "tarn/base/team.h"

#include <gtest/gtest.h>
#include <time.h>

#include <cmath>
#include <filesystem>
#include <set>

#include "tarn/base/cores.h"
#include "tests/io/safetensors_files.h"

namespace tarn {
namespace {

namespace fs = std::filesystem;

TEST(Team, EveryMemberWorksOnceARun) {
  for (const int size : {1, 2, 3, 7}) {
    Team team(size);
    for (int round = 0; round < 50; ++round) {
      std::vector<std::atomic<int>> calls(static_cast<size_t>(size));
      team.run([&](int member) { ++calls[static_cast<size_t>(member)]; });
      for (const auto& count : calls) EXPECT_EQ(count.load(), 1);
    }
  }
}

TEST(Team, NobodyPassesABarrierAhead) {
  Team team(4);
  std::atomic<int> arrived{0};
  std::atomic<bool> early{false};
  team.run([&](int) {
    for (int round = 1; round <= 200; ++round) {
      ++arrived;
      team.barrier().wait();
      if (arrived.load() < 4 * round) early = true;
      team.barrier().wait();
    }
  });
  EXPECT_FALSE(early.load());
}

TEST(Team, TheCallersAffinityIsItsOwnAgain) {
  cpu_set_t before;
  ASSERT_EQ(pthread_getaffinity_np(pthread_self(), sizeof(before), &before), 0);
  Team team(static_cast<int>(usable_cores().processors.size()));
  team.run([](int) {});
  cpu_set_t after;
  ASSERT_EQ(pthread_getaffinity_np(pthread_self(), sizeof(after), &after), 0);
  EXPECT_TRUE(CPU_EQUAL(&before, &after));
}

double processor_seconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

TEST(Team, SleepsWhenThereIsNothingToDo) {
  Team team(3);
  team.run([](int) {});
  std::this_thread::sleep_for(std::chrono::milliseconds(50));  // until all have gone to sleep
  const double before = processor_seconds();
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  EXPECT_LT(processor_seconds() - before, 0.002);
}

// A member that loses its core again and again makes the others wait for milliseconds each time.
TEST(Team, AsksForOneMemberWhileOthersAreHeldUp) {
  using namespace std::chrono_literals;
  Team team(2);
  EXPECT_EQ(team.members_now(), 2);
  team.run([&](int member) {
    for (int meeting = 0; meeting < 15; ++meeting) {
      if (member == 1) std::this_thread::sleep_for(3ms);
      team.barrier().wait();
    }
  });
  EXPECT_EQ(team.members_now(), 1);
  std::this_thread::sleep_for(150ms);
  EXPECT_EQ(team.members_now(), 2) << "it tries again";
  // Shares that differ are no reason, nor is one long wait in a long run.
  team.run([&](int member) {
    std::this_thread::sleep_for(member == 0 ? 50ms : 45ms);
    team.barrier().wait();
  });
  EXPECT_EQ(team.members_now(), 2);
}

TEST(Cores, AreDistinct) {
  const Cores& cores = usable_cores();
  EXPECT_FALSE(cores.processors.empty());
  const std::set<unsigned> distinct(cores.processors.begin(), cores.processors.end());
  EXPECT_EQ(distinct.size(), cores.processors.size());
  EXPECT_GE(cores.fastest, 1);
  EXPECT_LE(static_cast<size_t>(cores.fastest), cores.processors.size());
  EXPECT_GE(default_thread_count(), 1);
}

TEST(Cores, AQuotaCounts) {
  const testing::TemporaryFolder folder;
  const fs::path& root = folder.path();
  const auto file = [&](const char* path, const std::string& text) {
    fs::create_directories((root / path).parent_path());
    testing::write(root / path, text);
  };
  EXPECT_TRUE(std::isinf(processor_quota(root)));
  file("proc/self/cgroup", "0::/box/inner\n");
  file("sys/fs/cgroup/box/inner/cpu.max", "max 100000\n");
  EXPECT_TRUE(std::isinf(processor_quota(root)));
  file("sys/fs/cgroup/box/cpu.max", "150000 100000\n");
  EXPECT_EQ(processor_quota(root), 1.5);
  file("proc/self/cgroup", "3:cpu,cpuacct:/old\n");
  file("sys/fs/cgroup/cpu/old/cpu.cfs_quota_us", "-1\n");
  file("sys/fs/cgroup/cpu/old/cpu.cfs_period_us", "100000\n");
  EXPECT_TRUE(std::isinf(processor_quota(root)));
  file("sys/fs/cgroup/cpu/old/cpu.cfs_quota_us", "250000\n");
  EXPECT_EQ(processor_quota(root), 2.5);
}

}  // namespace
}  // namespace tarn
