#include "tarn/memory/pool.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <utility>

#include "tarn/base/error.h"
#include "tarn/base/round.h"

namespace tarn::memory {
namespace {

constexpr size_t alignment = 64;
constexpr size_t huge_page = size_t{2} << 20;
constexpr size_t arena_block = size_t{256} << 20;
constexpr size_t default_cache_limit = size_t{1} << 30;

#if defined(__SANITIZE_ADDRESS__)
constexpr bool sanitized = true;
#elif defined(__has_feature)
constexpr bool sanitized = __has_feature(address_sanitizer);
#else
constexpr bool sanitized = false;
#endif

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

size_t page_size() {
  static const auto bytes = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  return bytes;
}

// Anonymous memory from the system; `bytes` and `unit` are multiples of the page size, `flags`
// further ones of mmap. null: there is none.
std::byte* map_aligned(size_t bytes, size_t unit, int flags = 0) {
  const size_t spare = unit - page_size();
  void* const place = ::mmap(nullptr, bytes + spare, PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
  if (place == MAP_FAILED) return nullptr;
  const auto address = reinterpret_cast<uintptr_t>(place);
  const size_t before = round_up<uintptr_t>(address, unit) - address;
  auto* const base = static_cast<std::byte*>(place);
  if (before > 0) ::munmap(base, before);
  if (before < spare) ::munmap(base + before + bytes, spare - before);
  return base + before;
}

// From this size on blocks come from the system and go back there: malloc's heaps keep what lies
// between blocks that live long. The address sanitizer watches only what malloc gives.
constexpr size_t mapped_size = sanitized ? SIZE_MAX : size_t{128} << 10;

size_t block_unit(size_t capacity) {
  if (capacity >= huge_page) return huge_page;
  return capacity >= mapped_size ? page_size() : alignment;
}

// null: the system has none.
std::byte* allocate_block(size_t capacity) {
  const size_t unit = block_unit(capacity);
  const size_t bytes = round_up(capacity, unit);
  auto* const data = capacity >= mapped_size
                         ? map_aligned(bytes, unit)
                         : static_cast<std::byte*>(std::aligned_alloc(unit, bytes));
  if (data != nullptr && capacity >= huge_page) prefer_huge_pages(data, bytes);
  return data;
}

void free_block(std::byte* data, size_t capacity) {
  if (capacity >= mapped_size) {
    ::munmap(data, round_up(capacity, block_unit(capacity)));
  } else {
    std::free(data);
  }
}

class Pool {
 public:
  struct Block {
    std::byte* data;
    size_t capacity;
  };

  Block take(size_t capacity, size_t asked) {
    const std::lock_guard lock(mutex_);
    if (const std::optional<Block> kept = take_kept(capacity)) {
      ++stats_.reuses;
      add_active(kept->capacity);
      return *kept;
    }
    check_limit(capacity, asked);
    keep_at_most(std::min(stats_.limit, std::max(most_active_, stats_.active + capacity)) -
                 capacity);
    std::byte* const data = allocate_block(capacity);
    if (data == nullptr) {
      fail(ErrorCode::out_of_memory, "memory: the system refused {} bytes; {} are in use", asked,
           stats_.active);
    }
    add_active(capacity);
    return {data, capacity};
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
    stats_.cached += capacity;
    kept_[capacity].push_back({data, ++returns_});
    keep_at_most(most_active_);
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
    free_all();
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
  bool within_limit(size_t bytes) const {
    return bytes <= stats_.limit && stats_.active <= stats_.limit - bytes;
  }
  void check_limit(size_t bytes, size_t asked) const {
    if (within_limit(bytes)) return;
    fail(ErrorCode::out_of_memory,
         "memory: {} bytes asked for, {} in use, the limit is {}; use a smaller model, context or "
         "batch, or raise the limit",
         asked, stats_.active, stats_.limit);
  }
  // A kept block of the class, or of one that is up to half as large again: work of ever new sizes
  // (prompts) would else leave blocks of every size behind.
  std::optional<Block> take_kept(size_t capacity) {
    for (auto found = kept_.lower_bound(capacity);
         found != kept_.end() && found->first <= capacity + capacity / 2; ++found) {
      auto& [kept, blocks] = *found;
      if (blocks.empty() || !within_limit(kept)) continue;
      std::byte* const data = blocks.back().data;
      blocks.pop_back();
      stats_.cached -= kept;
      return Block{data, kept};
    }
    return std::nullopt;
  }

  // Lets go of kept blocks until they and the live ones together take at most so much. With the
  // most that was ever live, what work of ever new sizes leaves behind cannot pile up.
  void keep_at_most(size_t all) {
    while (stats_.cached > 0 &&
           (stats_.cached > cache_limit_ || stats_.active + stats_.cached > all)) {
      free_oldest();
    }
  }

  void free_oldest() {
    auto oldest = kept_.end();
    for (auto at = kept_.begin(); at != kept_.end(); ++at) {
      if (at->second.empty()) continue;
      if (oldest == kept_.end() || at->second.front().when < oldest->second.front().when) {
        oldest = at;
      }
    }
    free_block(oldest->second.front().data, oldest->first);
    oldest->second.pop_front();
    stats_.cached -= oldest->first;
  }

  void free_all() {
    for (auto& [capacity, blocks] : kept_) {
      for (const Kept& block : blocks) free_block(block.data, capacity);
      blocks.clear();
    }
    stats_.cached = 0;
  }

  void add_active(size_t bytes) {
    stats_.active += bytes;
    stats_.peak = std::max(stats_.peak, stats_.active);
    most_active_ = std::max(most_active_, stats_.active);
    ++stats_.allocations;
  }

  std::mutex mutex_;
  struct Kept {
    std::byte* data;
    uint64_t when;  // it came back
  };
  std::map<size_t, std::deque<Kept>> kept_;  // by capacity, the oldest first
  uint64_t returns_ = 0;
  size_t most_active_ = 0;  // ever
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
  const Pool::Block block = pool().take(size_class(bytes), bytes);
  return std::shared_ptr<Buffer>(new Buffer(block.data, bytes, block.capacity, nullptr, false));
}

std::shared_ptr<Buffer> borrow(const void* data, size_t bytes, std::shared_ptr<const void> owner) {
  pool().add_borrowed(bytes);
  auto* bytes_pointer = const_cast<std::byte*>(static_cast<const std::byte*>(data));
  return std::shared_ptr<Buffer>(new Buffer(bytes_pointer, bytes, 0, std::move(owner), true));
}

// Address space, of which only what was cut is touched and counted.
struct Arena::Block {
  explicit Block(size_t bytes) : base(map_aligned(bytes, huge_page, MAP_NORESERVE)) {
    if (base == nullptr) {
      fail(ErrorCode::out_of_memory, "memory: the system refused {} bytes; {} are in use", bytes,
           pool().stats().active);
    }
    next = base;
    end = base + bytes;
    prefer_huge_pages(base, bytes);
  }
  ~Block() {
    ::munmap(base, static_cast<size_t>(end - base));
    pool().drop_from_arena(cut);
  }
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;

  std::byte* base;
  std::byte* next;
  std::byte* end;
  size_t cut = 0;
};

std::shared_ptr<Buffer> Arena::allocate(size_t bytes) {
  check_size(bytes);
  const size_t rounded = round_up(std::max<size_t>(bytes, 1), alignment);
  if (!block_ || static_cast<size_t>(block_->end - block_->next) < rounded) {
    block_ = std::make_shared<Block>(round_up(std::max(rounded, arena_block), huge_page));
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
