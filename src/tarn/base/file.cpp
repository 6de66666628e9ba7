#include "tarn/base/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "tarn/base/error.h"

namespace tarn {
namespace {

[[noreturn]] void fail_errno(const std::filesystem::path& path, const char* action) {
  const int code = errno;
  fail(code == ENOENT ? ErrorCode::not_found : ErrorCode::io, "{}: cannot {}: {}", path.string(),
       action, std::strerror(code));
}

// Closes a descriptor on every way out.
struct Descriptor {
  int fd;
  explicit Descriptor(int descriptor) : fd(descriptor) {}
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
};

uint64_t regular_file_size(int fd, const std::filesystem::path& path) {
  struct stat info {};
  if (::fstat(fd, &info) != 0) fail_errno(path, "stat");
  if (!S_ISREG(info.st_mode)) fail(ErrorCode::io, "{}: not a regular file", path.string());
  return static_cast<uint64_t>(info.st_size);
}

}  // namespace

std::shared_ptr<const MappedFile> MappedFile::open(const std::filesystem::path& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.fd < 0) fail_errno(path, "open");
  const uint64_t size = regular_file_size(file.fd, path);
  const std::byte* data = nullptr;
  if (size > 0) {
    void* mapped = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.fd, 0);
    if (mapped == MAP_FAILED) fail_errno(path, "map");
    data = static_cast<const std::byte*>(mapped);
#if defined(MADV_HUGEPAGE)
    // Where the file system keeps large pages, reading the mapping brings them in.
    ::madvise(mapped, size, MADV_HUGEPAGE);
#endif
  }
  return std::shared_ptr<const MappedFile>(new MappedFile(path, data, size));
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_), size_);
}

void MappedFile::release(std::span<const std::byte> part) const {
  const auto page = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto begin = (reinterpret_cast<uintptr_t>(part.data()) + page - 1) / page * page;
  const auto end = reinterpret_cast<uintptr_t>(part.data() + part.size()) / page * page;
  // Advice: where the system does not take it, the pages only stay longer.
  if (begin < end) ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
}

bool MappedFile::cached() const {
  constexpr size_t samples = 512;
  const auto page = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  const size_t pages = (size_ + page - 1) / page;
  const size_t step = std::max<size_t>(1, pages / samples);
  size_t looked = 0;
  size_t missing = 0;
  for (size_t i = 0; i < pages; i += step) {
    unsigned char state = 1;
    auto* const at = const_cast<std::byte*>(data_) + i * page;
    if (::mincore(at, page, &state) != 0) return true;
    ++looked;
    if ((state & 1U) == 0) ++missing;
  }
  return missing * 50 <= looked;
}

std::string read_file(const std::filesystem::path& path, uint64_t limit) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.fd < 0) fail_errno(path, "open");
  const uint64_t size = regular_file_size(file.fd, path);
  if (size > limit) {
    fail(ErrorCode::corrupt, "{}: {} bytes, more than the {} allowed for this kind of file",
         path.string(), size, limit);
  }
  std::string content(size, '\0');
  size_t done = 0;
  while (done < content.size()) {
    const ssize_t got = ::read(file.fd, content.data() + done, content.size() - done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail_errno(path, "read");
    if (got == 0) fail(ErrorCode::io, "{}: the file shrank while it was read", path.string());
    done += static_cast<size_t>(got);
  }
  return content;
}

void write_file(const std::filesystem::path& path, std::string_view content) {
  std::string temporary = path.string() + ".XXXXXX";
  {
    const Descriptor file(::mkstemp(temporary.data()));
    if (file.fd < 0) fail_errno(path, "create a temporary file beside");
    size_t done = 0;
    while (done < content.size()) {
      const ssize_t put = ::write(file.fd, content.data() + done, content.size() - done);
      if (put < 0 && errno == EINTR) continue;
      if (put < 0) {
        const int code = errno;
        ::unlink(temporary.c_str());
        errno = code;
        fail_errno(path, "write");
      }
      done += static_cast<size_t>(put);
    }
    ::fchmod(file.fd, 0644);
    ::fsync(file.fd);
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0) {
    const int code = errno;
    ::unlink(temporary.c_str());
    errno = code;
    fail_errno(path, "replace");
  }
}

}  // namespace tarn
