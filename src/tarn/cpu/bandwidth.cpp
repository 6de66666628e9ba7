#include "tarn/cpu/bandwidth.h"

#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <barrier>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <thread>
#include <vector>

#include "tarn/base/error.h"

namespace tarn::cpu {
namespace {

constexpr size_t buffer_bytes = BandwidthProbe::buffer_bytes;  // a window takes about 5 ms
constexpr size_t chunk_bytes = size_t{1} << 20;
constexpr size_t chunks = buffer_bytes / chunk_bytes;
constexpr size_t prefetch_distance = 8192;
constexpr size_t huge_page = size_t{2} << 20;

uint64_t read_chunk(const std::byte* at) {
  uint64_t sums[16] = {};
  for (size_t i = 0; i < chunk_bytes; i += sizeof(sums)) {  // two cache lines
    __builtin_prefetch(at + i + prefetch_distance);
    __builtin_prefetch(at + i + prefetch_distance + 64);
    uint64_t words[16];
    std::memcpy(words, at + i, sizeof(words));
    for (size_t j = 0; j < 16; ++j) sums[j] += words[j];
  }
  uint64_t total = 0;
  for (const uint64_t sum : sums) total += sum;
  return total;
}

// In large pages where the system has them: the limit should not be that of address translation.
std::byte* make_buffer() {
  auto* buffer =
      static_cast<std::byte*>(::operator new (buffer_bytes, std::align_val_t{huge_page}));
#if defined(MADV_HUGEPAGE)
  madvise(buffer, buffer_bytes, MADV_HUGEPAGE);  // a hint: failure costs speed only
#endif
  std::memset(buffer, 1, buffer_bytes);
  return buffer;
}

}  // namespace

void BandwidthProbe::FreeAligned::operator()(std::byte* p) const {
  ::operator delete (p, std::align_val_t{huge_page});
}

BandwidthProbe::BandwidthProbe(int threads) : threads_(threads) {
  if (threads < 1) {
    fail(ErrorCode::invalid_argument, "bandwidth: {} threads cannot read; use at least one",
         threads);
  }
  buffer_.reset(make_buffer());
}

BandwidthProbe::~BandwidthProbe() = default;

ReadBandwidth measure_read_bandwidth(int threads, double seconds) {
  return BandwidthProbe(threads).measure(seconds);
}

ReadBandwidth BandwidthProbe::measure(double seconds) {
  using Clock = std::chrono::steady_clock;
  const int threads = threads_;
  const auto& buffer = buffer_;

  // Chunks are claimed by a counter, so that a thread which is held up does not hold up the others.
  std::atomic<size_t> next{0};
  std::atomic<uint64_t> sink{0};  // keeps the reads from being optimized away
  std::atomic<bool> stop{false};
  std::barrier<> border(threads);
  const auto read_window = [&] {
    uint64_t sum = 0;
    for (size_t i; (i = next.fetch_add(1, std::memory_order_relaxed)) < chunks;) {
      sum += read_chunk(buffer.get() + i * chunk_bytes);
    }
    sink.fetch_add(sum, std::memory_order_relaxed);
  };
  std::vector<std::thread> others;
  for (int i = 1; i < threads; ++i) {
    others.emplace_back([&] {
      while (true) {
        border.arrive_and_wait();
        if (stop) return;
        read_window();
        border.arrive_and_wait();
      }
    });
  }
  std::vector<double> rates;
  const Clock::time_point start = Clock::now();
  do {
    next = 0;
    // Taken before the others may start: a thread held up here makes the window look slower, never
    // faster than the machine is.
    const Clock::time_point begin = Clock::now();
    border.arrive_and_wait();
    read_window();
    border.arrive_and_wait();
    const std::chrono::duration<double> window = Clock::now() - begin;
    rates.push_back(static_cast<double>(buffer_bytes) / window.count());
  } while (Clock::now() - start < std::chrono::duration<double>(seconds));
  stop = true;
  border.arrive_and_wait();
  for (auto& other : others) other.join();

  std::sort(rates.begin(), rates.end());
  return {rates.back(), rates[rates.size() / 2]};
}

}  // namespace tarn::cpu
