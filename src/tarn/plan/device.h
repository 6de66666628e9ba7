// Machines that a plan can be made for: published figures, or this one measured.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace tarn::plan {

enum class DeviceKind : uint8_t {
  cpu,
  unified,   // a graphics processor that shares the machine's memory
  discrete,  // one with its own
};

struct Device {
  std::string name;         // "m4-max"
  std::string description;  // "Apple M4 Max (40-core GPU)"
  DeviceKind kind = DeviceKind::cpu;
  double bandwidth = 0;  // bytes a second
  double memory = 0;     // bytes: the most that is sold
  // Multiply-adds a second at the peak; zero: not known.
  double int8 = 0;  // 8-bit integers, dense
  double half = 0;  // float16 or bfloat16, summed to float32
  double f32 = 0;
  bool measured = false;  // bandwidth is what reading reaches, not what the data sheet says
};

// Memory that weights, caches and activations may take; the system needs the rest.
double usable_memory(const Device& device);

// For products with quantized and with dense weights, and for everything else: which of the peaks
// the kind's kernels work at. A CPU quantizes activations to int8, and computes products with
// bfloat16 weights and attention in bfloat16 where it has products for it, with other dense weights
// in float32; a graphics processor expands weights to halves.
double quantized_rate(const Device& device);
double dense_rate(const Device& device, bool bfloat16);
double attention_rate(const Device& device);
double vector_rate(const Device& device);

// Public figures of a few dozen machines; `memory` is the largest configuration.
std::span<const Device> known_devices();
// not_found, with the known names, for another one. Case does not matter.
const Device& find_device(std::string_view name);

// This machine, measured in about half a second: what `threads` threads read and compute, and the
// memory they may have.
Device local_device(int threads);

}  // namespace tarn::plan
