// A large file written piece by piece that is complete or absent: it grows under a temporary name
// in the same folder and takes its own name only when it is committed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

namespace tarn {

// ErrorCode::io if the folder's file system has fewer bytes free: better known before the hours of
// work whose result would not fit.
void require_free_space(const std::filesystem::path& folder, uint64_t bytes);

class AtomicFile {
 public:
  // Creates the temporary file after require_free_space. ErrorCode::io: the folder cannot be
  // written, or lacks the space.
  AtomicFile(std::filesystem::path path, uint64_t size);
  ~AtomicFile();  // removes the temporary file unless it was committed
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  // Writes all bytes at this offset of the file, in any order. ErrorCode::io with the system's
  // reason, a full disk among them.
  void write_at(uint64_t offset, std::span<const std::byte> bytes);

  // Syncs the content to the disk and closes the file; nothing can be written after that.
  void close();

  // Closes if need be and gives the file its name, replacing an older one.
  void commit();

  const std::filesystem::path& path() const { return path_; }

 private:
  [[noreturn]] void fail_errno(const char* action) const;
  std::filesystem::path path_;
  std::string temporary_;  // empty once committed
  int fd_ = -1;
};

}  // namespace tarn
