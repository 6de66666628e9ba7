// What this machine can read from memory: the limit that decode speed is reported against.
#pragma once

namespace tarn::cpu {

struct ReadBandwidth {
  double best;    // bytes a second, in the best window
  double median;  // bytes a second, in the median window
};

// Reads a buffer of 256 MiB, far larger than a last-level cache, with `threads` threads at once,
// front to back, with software prefetch, again and again for about `seconds` seconds. One reading
// is a window. The buffer is freed before the return.
ReadBandwidth measure_read_bandwidth(int threads, double seconds);

}  // namespace tarn::cpu
