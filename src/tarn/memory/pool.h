// The one pool of memory: every byte that an array owns is allocated, limited and counted here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

namespace tarn::memory {

// What the Program builder remembers about a buffer while it plans; guarded by the evaluation lock.
struct PlanMark {
  uint64_t program = 0;        // which build the other fields belong to
  uint32_t read_interval = 0;  // barrier interval of the last read, 1-based; 0: none
  uint32_t write_interval = 0;
  bool read_by_all = false;  // by every thread of the team, not only by the first
  bool write_by_all = false;
};

// A piece of memory: owned by the pool, a part of an arena's block, or borrowed from an owner that
// it keeps alive (a mapped file).
class Buffer {
 public:
  ~Buffer();
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  std::byte* data() const { return data_; }
  size_t size() const { return size_; }
  bool borrowed() const { return borrowed_; }  // read-only when true

  PlanMark plan;

 private:
  friend std::shared_ptr<Buffer> allocate(size_t);
  friend std::shared_ptr<Buffer> borrow(const void*, size_t, std::shared_ptr<const void>);
  friend class Arena;
  Buffer(std::byte* data, size_t size, size_t capacity, std::shared_ptr<const void> owner,
         bool borrowed);
  std::byte* data_;
  size_t size_;
  size_t capacity_;  // the size class; 0: not a block of the pool
  std::shared_ptr<const void> owner_;
  bool borrowed_;
};

struct Stats {
  size_t active = 0;    // bytes in live buffers of the pool (whole size classes) and in arenas
  size_t peak = 0;      // the largest `active` since reset_peak()
  size_t cached = 0;    // freed bytes kept for reuse: with `active`, at most what ever was active
  size_t limit = 0;     // active may not exceed this
  size_t borrowed = 0;  // bytes used in place from mapped files
  size_t copied = 0;    // weight bytes that were copied or repacked instead of used in place
  uint64_t allocations = 0;
  uint64_t reuses = 0;  // allocations served from the cache
};

// 64-byte aligned memory of at least `bytes` (uninitialized). Throws Error(out_of_memory) that
// names the request, what is in use and the limit before any memory is taken beyond it.
std::shared_ptr<Buffer> allocate(size_t bytes);

// Memory owned by someone else, used in place and never written.
std::shared_ptr<Buffer> borrow(const void* data, size_t bytes, std::shared_ptr<const void> owner);

// Memory for things that live and die together, as a model's weights do: cut one behind the other
// from large blocks with huge pages, so that small matrices share them and no size class rounds up.
class Arena {
 public:
  // 64-byte aligned memory; errors and limit as allocate(). A block goes back to the system with
  // the last of its buffers, also after the arena itself is gone.
  std::shared_ptr<Buffer> allocate(size_t bytes);

 private:
  struct Block;
  std::shared_ptr<Block> block_;  // the one being cut
};

Stats stats();
void reset_peak();
void set_limit(size_t bytes);        // default: 95 % of the memory this process may use
void set_cache_limit(size_t bytes);  // default: 1 GiB
void clear_cache();
void count_copied(size_t bytes);  // by whoever copies or packs weights

}  // namespace tarn::memory
