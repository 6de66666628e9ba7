// Public figures of machines: makers' data sheets. Bandwidth and memory are exact; arithmetic is
// rough. Of processors it is cores x multiply-adds a clock x the clock they keep up under load; of
// graphics processors the dense rate (sparsity not counted) with float32 sums.
#include <array>

#include "tarn/plan/device.h"

namespace tarn::plan {
namespace {

constexpr double giga = 1e9;
constexpr double gibi = 1 << 30;  // memory is sold in powers of two
constexpr double tera = 1e12;

// tflops: of the GPU in float32, which its half-precision arithmetic only equals before the M5.
Device apple(const char* name, const char* description, double bandwidth, double memory,
             double tflops, double half_tflops = 0) {
  return {.name = name,
          .description = description,
          .kind = DeviceKind::unified,
          .bandwidth = bandwidth * giga,
          .memory = memory * gibi,
          .int8 = 0,
          .half = (half_tflops > 0 ? half_tflops : tflops) / 2 * tera,
          .f32 = tflops / 2 * tera};
}

Device gpu(const char* name, const char* description, double bandwidth, double memory,
           double int8_tops, double half_tflops, double tflops) {
  return {.name = name,
          .description = description,
          .kind = DeviceKind::discrete,
          .bandwidth = bandwidth * giga,
          .memory = memory * gibi,
          .int8 = int8_tops / 2 * tera,
          .half = half_tflops / 2 * tera,
          .f32 = tflops / 2 * tera};
}

// int8_macs and f32_macs: of one core in one clock.
Device cpu(const char* name, const char* description, double bandwidth, double memory, int cores,
           double gigahertz, double int8_macs, double f32_macs) {
  const double clocks = cores * gigahertz * giga;
  return {.name = name,
          .description = description,
          .kind = DeviceKind::cpu,
          .bandwidth = bandwidth * giga,
          .memory = memory * gibi,
          .int8 = clocks * int8_macs,
          .half = 0,
          .f32 = clocks * f32_macs};
}

}  // namespace

std::span<const Device> known_devices() {
  static const std::array devices{
      apple("m1", "Apple M1 (8-core GPU)", 68.25, 16, 2.6),
      apple("m1-pro", "Apple M1 Pro (16-core GPU)", 200, 32, 5.2),
      apple("m1-max", "Apple M1 Max (32-core GPU)", 400, 64, 10.4),
      apple("m1-ultra", "Apple M1 Ultra (64-core GPU)", 800, 128, 20.8),
      apple("m2", "Apple M2 (10-core GPU)", 100, 24, 3.6),
      apple("m2-pro", "Apple M2 Pro (19-core GPU)", 200, 32, 6.8),
      apple("m2-max", "Apple M2 Max (38-core GPU)", 400, 96, 13.6),
      apple("m2-ultra", "Apple M2 Ultra (76-core GPU)", 800, 192, 27.2),
      apple("m3", "Apple M3 (10-core GPU)", 100, 24, 3.5),
      apple("m3-pro", "Apple M3 Pro (18-core GPU)", 150, 36, 6.4),
      apple("m3-max", "Apple M3 Max (40-core GPU)", 400, 128, 14.2),
      apple("m3-ultra", "Apple M3 Ultra (80-core GPU)", 819, 512, 28.4),
      apple("m4", "Apple M4 (10-core GPU)", 120, 32, 4.3),
      apple("m4-pro", "Apple M4 Pro (20-core GPU)", 273, 64, 8.6),
      apple("m4-max", "Apple M4 Max (40-core GPU)", 546, 128, 17.2),
      apple("m5", "Apple M5 (10-core GPU)", 153, 32, 4.3, 17),
      apple("m5-pro", "Apple M5 Pro (20-core GPU)", 307, 64, 8.6, 34),
      apple("m5-max", "Apple M5 Max (40-core GPU)", 614, 128, 17.2, 68),
      gpu("rtx-4070", "NVIDIA GeForce RTX 4070", 504, 12, 233, 58.3, 29.1),
      gpu("rtx-4090", "NVIDIA GeForce RTX 4090", 1008, 24, 660, 165, 82.6),
      gpu("h100-pcie", "NVIDIA H100 PCIe", 2000, 80, 1513, 756, 51),
      gpu("h100-sxm", "NVIDIA H100 SXM", 3350, 80, 1979, 989, 67),
      cpu("raspberry-pi-5", "Raspberry Pi 5 (4 Cortex-A76)", 17.1, 16, 4, 2.4, 32, 8),
      cpu("ryzen-7700x", "AMD Ryzen 7 7700X, two channels of DDR5-5200", 83.2, 128, 8, 4.5, 64, 16),
      cpu("ryzen-9950x", "AMD Ryzen 9 9950X, two channels of DDR5-5600", 89.6, 192, 16, 4.3, 128,
          32),
      cpu("core-i7-1165g7", "Intel Core i7-1165G7, LPDDR4X-4267", 68.3, 32, 4, 2.8, 64, 16),
      cpu("epyc-9654", "AMD EPYC 9654, twelve channels of DDR5-4800", 460.8, 6000, 96, 2.4, 64, 16),
      cpu("graviton4", "AWS Graviton4 (96 Neoverse V2), twelve channels of DDR5-5600", 537.6, 1536,
          96, 2.8, 64, 16)};
  return devices;
}

}  // namespace tarn::plan
