#include "tarn/base/read_ahead.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <string>

#include "tests/io/safetensors_files.h"

namespace tarn {
namespace {

TEST(ReadAhead, LeavesCachedFilesAlone) {
  const testing::TemporaryFolder folder;
  testing::write(folder / "cached", std::string(1 << 20, 'x'));
  const auto file = MappedFile::open(folder / "cached");
  EXPECT_TRUE(file->cached());
  ReadAhead ahead({file});
  EXPECT_EQ(ahead.total_bytes(), 0U);
  ahead.wait([](uint64_t) { FAIL() << "there is nothing to wait for"; });
}

TEST(ReadAhead, BringsAFileIntoTheCache) {
  const testing::TemporaryFolder folder;
  const std::string content(8 << 20, 'x');
  testing::write(folder / "cold", content);
  const int fd = ::open((folder / "cold").c_str(), O_RDONLY);
  ASSERT_GE(fd, 0);
  ::fsync(fd);
  ::posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
  ::close(fd);
  const auto file = MappedFile::open(folder / "cold");
  if (file->cached()) GTEST_SKIP() << "this file system keeps all in memory";
  ReadAhead ahead({file});
  EXPECT_EQ(ahead.total_bytes(), content.size());
  uint64_t last = 0;
  ahead.wait([&](uint64_t bytes) {
    EXPECT_GE(bytes, last);
    last = bytes;
  });
  EXPECT_TRUE(file->cached());
}

TEST(ReadAhead, AnEmptyFileIsThere) {
  const testing::TemporaryFolder folder;
  testing::write(folder / "empty", "");
  EXPECT_TRUE(MappedFile::open(folder / "empty")->cached());
}

}  // namespace
}  // namespace tarn
