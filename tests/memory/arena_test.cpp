#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <vector>

#include "tarn/base/error.h"
#include "tarn/memory/pool.h"

namespace tarn::memory {
namespace {

TEST(Arena, CutsDisjointAlignedBuffersAndCountsThemExactly) {
  const Stats before = stats();
  {
    std::vector<std::shared_ptr<Buffer>> buffers;
    {
      Arena arena;
      for (const size_t size : {size_t{1}, size_t{64}, size_t{65}, size_t{3} << 20}) {
        buffers.push_back(arena.allocate(size));
      }
    }
    EXPECT_EQ(stats().active - before.active, 64U + 64U + 128U + (size_t{3} << 20));
    for (size_t i = 0; i < buffers.size(); ++i) {
      const Buffer& buffer = *buffers[i];
      EXPECT_EQ(reinterpret_cast<uintptr_t>(buffer.data()) % 64, 0U);
      EXPECT_FALSE(buffer.borrowed());
      std::memset(buffer.data(), static_cast<int>(i + 1), buffer.size());
    }
    for (size_t i = 0; i < buffers.size(); ++i) {
      EXPECT_EQ(buffers[i]->data()[0], static_cast<std::byte>(i + 1));
      EXPECT_EQ(buffers[i]->data()[buffers[i]->size() - 1], static_cast<std::byte>(i + 1));
    }
    // A block is there until its last buffer goes.
    buffers.resize(1);
    EXPECT_EQ(buffers[0]->data()[0], std::byte{1});
    EXPECT_GT(stats().active, before.active);
  }
  EXPECT_EQ(stats().active, before.active);
}

TEST(Arena, KeepsToTheLimit) {
  const Stats before = stats();
  set_limit(before.active + (size_t{1} << 20));
  Arena arena;
  const auto small = arena.allocate(size_t{512} << 10);
  EXPECT_THROW(arena.allocate(size_t{600} << 10), Error);
  EXPECT_THROW(arena.allocate(~size_t{0}), Error);
  EXPECT_NO_THROW(arena.allocate(size_t{400} << 10));
  set_limit(before.limit);
}

}  // namespace
}  // namespace tarn::memory
