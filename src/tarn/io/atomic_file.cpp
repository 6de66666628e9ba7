#include "tarn/io/atomic_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "tarn/base/error.h"

namespace tarn {

void require_free_space(const std::filesystem::path& folder, uint64_t bytes) {
  std::error_code unknown;  // a file system that cannot tell gets the benefit of the doubt
  const auto space = std::filesystem::space(folder, unknown);
  if (!unknown && space.available < bytes) {
    fail(ErrorCode::io, "{}: {} bytes to write, {} free: free some space or choose another folder",
         folder.string(), bytes, space.available);
  }
}

AtomicFile::AtomicFile(std::filesystem::path path, uint64_t size)
    : path_(std::move(path)), temporary_(path_.string() + ".XXXXXX") {
  require_free_space(path_.has_parent_path() ? path_.parent_path() : std::filesystem::path("."),
                     size);
  fd_ = ::mkstemp(temporary_.data());
  if (fd_ < 0) {
    temporary_.clear();
    fail_errno("create a temporary file beside it");
  }
}

AtomicFile::~AtomicFile() {
  if (fd_ >= 0) ::close(fd_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void AtomicFile::fail_errno(const char* action) const {
  const int code = errno;
  const char* const remedy = code == ENOSPC || code == EDQUOT || code == EFBIG
                                 ? "free some space or choose another folder"
                                 : "check that the folder exists and may be written";
  fail(ErrorCode::io, "{}: cannot {}: {}: {}", path_.string(), action, std::strerror(code), remedy);
}

void AtomicFile::write_at(uint64_t offset, std::span<const std::byte> bytes) {
  constexpr size_t most = size_t{1} << 30;  // some systems refuse 2 GiB in one call
  while (!bytes.empty()) {
    const ssize_t put =
        ::pwrite(fd_, bytes.data(), std::min(bytes.size(), most), static_cast<off_t>(offset));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) fail_errno("write");
    offset += static_cast<uint64_t>(put);
    bytes = bytes.subspan(static_cast<size_t>(put));
  }
}

void AtomicFile::close() {
  if (fd_ < 0) return;
  if (::fchmod(fd_, 0644) != 0) fail_errno("set the permissions");
  if (::fsync(fd_) != 0) fail_errno("sync");
  // Some file systems report a failed write only here.
  if (::close(std::exchange(fd_, -1)) != 0) fail_errno("close");
}

void AtomicFile::commit() {
  close();
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) fail_errno("rename the finished file");
  temporary_.clear();
}

}  // namespace tarn
