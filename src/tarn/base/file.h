// Files: read-only mappings, whole reads with a size limit, and writes that are complete or absent.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace tarn {

// A read-only, private mapping of a whole regular file. Errors name the path and the system's
// reason.
class MappedFile {
 public:
  static std::shared_ptr<const MappedFile> open(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::span<const std::byte> bytes() const { return {data_, size_}; }
  // Lets go of the memory that holds `part` of bytes(); a later read fetches it from the file
  // again.
  void release(std::span<const std::byte> part) const;
  // Whether (nearly) all of it is in the system's page cache, by a sample; true where the system
  // does not tell.
  bool cached() const;
  const std::filesystem::path& path() const { return path_; }

 private:
  MappedFile(std::filesystem::path path, const std::byte* data, size_t size)
      : path_(std::move(path)), data_(data), size_(size) {}
  std::filesystem::path path_;
  const std::byte* data_;
  size_t size_;
};

// The whole content of a file of at most `limit` bytes; a larger one is an error, not a truncation.
std::string read_file(const std::filesystem::path& path, uint64_t limit = uint64_t{1} << 30);

// Writes to a temporary sibling, syncs it and renames it over `path`: readers see the old or the
// new content, never half of one.
void write_file(const std::filesystem::path& path, std::string_view content);

}  // namespace tarn
