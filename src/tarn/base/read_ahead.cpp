#include "tarn/base/read_ahead.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>

namespace tarn {
namespace {

constexpr size_t piece_bytes = size_t{4} << 20;
constexpr auto poll_interval = std::chrono::milliseconds(20);

uint64_t physical_memory() {
  return static_cast<uint64_t>(std::max(0L, ::sysconf(_SC_PHYS_PAGES))) *
         static_cast<uint64_t>(std::max(0L, ::sysconf(_SC_PAGESIZE)));
}

}  // namespace

ReadAhead::ReadAhead(const std::vector<std::shared_ptr<const MappedFile>>& files) {
  for (const auto& file : files) {
    if (file->cached()) continue;
    files_.push_back(file);
    total_bytes_ += file->bytes().size();
  }
  if (total_bytes_ > physical_memory() / 4 * 3) total_bytes_ = 0;
  if (total_bytes_ == 0) {
    finished_.store(true);
    return;
  }
  reader_ = std::thread([this] { read_all(); });
}

ReadAhead::~ReadAhead() {
  stopping_.store(true);
  if (reader_.joinable()) reader_.join();
}

void ReadAhead::wait(const std::function<void(uint64_t)>& progress) {
  while (!finished_.load()) {
    std::this_thread::sleep_for(poll_interval);
    progress(done_bytes_.load());
  }
}

// Errors are left to whoever uses the mapping: nothing depends on this reading.
void ReadAhead::read_all() {
  std::vector<std::byte> piece(piece_bytes);
  for (const auto& file : files_) {
    const int fd = ::open(file->path().c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) continue;
    ssize_t got = 1;
    while (got > 0 && !stopping_.load()) {
      got = ::read(fd, piece.data(), piece.size());
      if (got > 0) done_bytes_.fetch_add(static_cast<uint64_t>(got));
    }
    ::close(fd);
  }
  finished_.store(true);
}

}  // namespace tarn
