// Reads files into the system's page cache ahead of their use, one behind the other from front to
// end: the order in which disks are fast, and in pieces that the cache keeps as large pages.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "tarn/base/file.h"

namespace tarn {

class ReadAhead {
 public:
  // Starts on those of `files` that the page cache lacks. Does nothing when there are none, or when
  // they would crowd out all else in memory.
  explicit ReadAhead(const std::vector<std::shared_ptr<const MappedFile>>& files);
  ~ReadAhead();  // stops reading
  ReadAhead(const ReadAhead&) = delete;
  ReadAhead& operator=(const ReadAhead&) = delete;

  uint64_t total_bytes() const { return total_bytes_; }  // 0: there is nothing to read
  // Returns when all is read; calls `progress` with the bytes so far several times a second.
  void wait(const std::function<void(uint64_t)>& progress);

 private:
  void read_all();

  std::vector<std::shared_ptr<const MappedFile>> files_;
  uint64_t total_bytes_ = 0;
  std::atomic<uint64_t> done_bytes_{0};
  std::atomic<bool> finished_{false};
  std::atomic<bool> stopping_{false};
  std::thread reader_;
};

}  // namespace tarn
