#include "tarn/memory/pool.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include "tarn/base/error.h"

namespace tarn::memory {
namespace {

constexpr size_t alignment = 64;
constexpr size_t huge_page = size_t{2} << 20;
constexpr size_t arena_block = size_t{256} << 20;
constexpr size_t default_cache_limit = size_t{1} << 30;

// Size classes: four steps to each power of two, so that at most a quarter of a block is slack.
size_t size_class(size_t bytes) {
  if (bytes <= 256) return 256;
  const size_t step = std::bit_floor(bytes - 1) / 4;
  return (bytes + step - 1) / step * step;
}

size_t physical_memory() {
  const auto pages = static_cast<size_t>(std::max(0L, ::sysconf(_SC_PHYS_PAGES)));
  return pages * static_cast<size_t>(::sysconf(_SC_PAGESIZE));
}

// A hint, where a system leaves large pages to choice: failure costs speed only.
void prefer_huge_pages([[maybe_unused]] void* data, [[maybe_unused]] size_t bytes) {
#if defined(MADV_HUGEPAGE)
  ::madvise(data, bytes, MADV_HUGEPAGE);
#endif
}

class Pool {
 public:
  std::byte* take(size_t capacity, size_t asked) {
    const std::lock_guard lock(mutex_);
    auto found = free_.find(capacity);
    const bool reuse = found != free_.end() && !found->second.empty();
    check_limit(capacity, asked);
    std::byte* data = nullptr;
    if (reuse) {
      data = found->second.back();
      found->second.pop_back();
      stats_.cached -= capacity;
      ++stats_.reuses;
    } else {
      data = static_cast<std::byte*>(
          std::aligned_alloc(capacity >= huge_page ? huge_page : alignment, rounded(capacity)));
      if (data == nullptr) {
        fail(ErrorCode::out_of_memory, "memory: the system refused {} bytes; {} are in use", asked,
             stats_.active);
      }
      if (capacity >= huge_page) prefer_huge_pages(data, rounded(capacity));
    }
    add_active(capacity);
    return data;
  }

  // Counts memory that an arena cuts from its blocks.
  void take_from_arena(size_t bytes) {
    const std::lock_guard lock(mutex_);
    check_limit(bytes, bytes);
    add_active(bytes);
  }
  void drop_from_arena(size_t bytes) {
    const std::lock_guard lock(mutex_);
    stats_.active -= bytes;
  }

  void give_back(std::byte* data, size_t capacity) {
    const std::lock_guard lock(mutex_);
    stats_.active -= capacity;
    if (stats_.cached + capacity > cache_limit_) {
      std::free(data);
      return;
    }
    stats_.cached += capacity;
    free_[capacity].push_back(data);
  }

  void add_borrowed(size_t bytes) {
    const std::lock_guard lock(mutex_);
    stats_.borrowed += bytes;
  }
  void drop_borrowed(size_t bytes) {
    const std::lock_guard lock(mutex_);
    stats_.borrowed -= bytes;
  }

  void clear() {
    const std::lock_guard lock(mutex_);
    for (auto& [capacity, blocks] : free_) {
      for (std::byte* block : blocks) std::free(block);
      blocks.clear();
    }
    stats_.cached = 0;
  }

  Stats stats() {
    const std::lock_guard lock(mutex_);
    return stats_;
  }
  void reset_peak() {
    const std::lock_guard lock(mutex_);
    stats_.peak = stats_.active;
  }
  void set_limit(size_t bytes) {
    const std::lock_guard lock(mutex_);
    stats_.limit = bytes;
  }
  void set_cache_limit(size_t bytes) {
    {
      const std::lock_guard lock(mutex_);
      cache_limit_ = bytes;
      if (stats_.cached <= bytes) return;
    }
    clear();
  }
  void count_copied(size_t bytes) {
    const std::lock_guard lock(mutex_);
    stats_.copied += bytes;
  }

 private:
  void check_limit(size_t bytes, size_t asked) const {
    if (bytes <= stats_.limit && stats_.active <= stats_.limit - bytes) return;
    fail(ErrorCode::out_of_memory,
         "memory: {} bytes asked for, {} in use, the limit is {}; use a smaller model, context or "
         "batch, or raise the limit",
         asked, stats_.active, stats_.limit);
  }
  void add_active(size_t bytes) {
    stats_.active += bytes;
    stats_.peak = std::max(stats_.peak, stats_.active);
    ++stats_.allocations;
  }

  // aligned_alloc wants a multiple of the alignment.
  static size_t rounded(size_t capacity) {
    const size_t unit = capacity >= huge_page ? huge_page : alignment;
    return (capacity + unit - 1) / unit * unit;
  }

  std::mutex mutex_;
  std::map<size_t, std::vector<std::byte*>> free_;
  size_t cache_limit_ = default_cache_limit;
  Stats stats_{.limit = physical_memory() / 100 * 95};
};

// Never destroyed: arrays in static storage may outlive any order of destruction.
Pool& pool() {
  static Pool& instance = *new Pool;
  return instance;
}

void check_size(size_t bytes) {
  if (bytes > (size_t{1} << 62)) {
    fail(ErrorCode::out_of_memory, "memory: {} bytes asked for: absurd", bytes);
  }
}

}  // namespace

Buffer::Buffer(std::byte* data, size_t size, size_t capacity, std::shared_ptr<const void> owner,
               bool borrowed)
    : data_(data),
      size_(size),
      capacity_(capacity),
      owner_(std::move(owner)),
      borrowed_(borrowed) {}

Buffer::~Buffer() {
  if (borrowed_) {
    pool().drop_borrowed(size_);
  } else if (capacity_ != 0) {
    pool().give_back(data_, capacity_);
  }
}

std::shared_ptr<Buffer> allocate(size_t bytes) {
  check_size(bytes);
  const size_t capacity = size_class(bytes);
  std::byte* data = pool().take(capacity, bytes);
  return std::shared_ptr<Buffer>(new Buffer(data, bytes, capacity, nullptr, false));
}

std::shared_ptr<Buffer> borrow(const void* data, size_t bytes, std::shared_ptr<const void> owner) {
  pool().add_borrowed(bytes);
  auto* bytes_pointer = const_cast<std::byte*>(static_cast<const std::byte*>(data));
  return std::shared_ptr<Buffer>(new Buffer(bytes_pointer, bytes, 0, std::move(owner), true));
}

// Address space, of which only what was cut is touched and counted.
struct Arena::Block {
  explicit Block(size_t bytes) : mapped(bytes + huge_page) {
    void* const place = ::mmap(nullptr, mapped, PROT_READ | PROT_WRITE,
                               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (place == MAP_FAILED) {
      fail(ErrorCode::out_of_memory, "memory: the system refused {} bytes; {} are in use", bytes,
           pool().stats().active);
    }
    base = static_cast<std::byte*>(place);
    const auto address = reinterpret_cast<uintptr_t>(place);
    next = base + ((address + huge_page - 1) / huge_page * huge_page - address);
    end = next + bytes;
    prefer_huge_pages(next, bytes);
  }
  ~Block() {
    ::munmap(base, mapped);
    pool().drop_from_arena(cut);
  }
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;

  size_t mapped;
  std::byte* base;
  std::byte* next;
  std::byte* end;
  size_t cut = 0;
};

std::shared_ptr<Buffer> Arena::allocate(size_t bytes) {
  check_size(bytes);
  const size_t rounded = (std::max<size_t>(bytes, 1) + alignment - 1) / alignment * alignment;
  if (!block_ || static_cast<size_t>(block_->end - block_->next) < rounded) {
    block_ = std::make_shared<Block>((std::max(rounded, arena_block) + huge_page - 1) / huge_page *
                                     huge_page);
  }
  pool().take_from_arena(rounded);
  block_->cut += rounded;
  std::byte* const data = std::exchange(block_->next, block_->next + rounded);
  return std::shared_ptr<Buffer>(new Buffer(data, bytes, 0, block_, false));
}

Stats stats() { return pool().stats(); }
void reset_peak() { pool().reset_peak(); }
void set_limit(size_t bytes) { pool().set_limit(bytes); }
void set_cache_limit(size_t bytes) { pool().set_cache_limit(bytes); }
void clear_cache() { pool().clear(); }
void count_copied(size_t bytes) { pool().count_copied(bytes); }

}  // namespace tarn::memory
