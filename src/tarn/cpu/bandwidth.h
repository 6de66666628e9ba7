// What this machine can read from memory: the limit that decode speed is reported against.
#pragma once

#include <cstddef>
#include <memory>

namespace tarn::cpu {

struct ReadBandwidth {
  double best;    // bytes a second, in the best window
  double median;  // bytes a second, in the median window
};

// Reads a buffer of 256 MiB, far larger than a last-level cache, with `threads` threads at once,
// front to back, with software prefetch, again and again for a while. One reading is a window.
class BandwidthProbe {
 public:
  static constexpr size_t buffer_bytes = size_t{256} << 20;

  explicit BandwidthProbe(int threads);
  ~BandwidthProbe();
  BandwidthProbe(const BandwidthProbe&) = delete;
  BandwidthProbe& operator=(const BandwidthProbe&) = delete;

  ReadBandwidth measure(double seconds);

 private:
  struct FreeAligned {
    void operator()(std::byte* p) const;
  };
  int threads_;
  std::unique_ptr<std::byte, FreeAligned> buffer_;
};

// The same once, for about `seconds` seconds.
ReadBandwidth measure_read_bandwidth(int threads, double seconds);

}  // namespace tarn::cpu
