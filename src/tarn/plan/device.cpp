#include "tarn/plan/device.h"

#include <algorithm>
#include <cctype>

#include "tarn/base/error.h"
#include "tarn/base/system_memory.h"
#include "tarn/cpu/arithmetic_peak.h"
#include "tarn/cpu/bandwidth.h"
#include "tarn/io/quote.h"

namespace tarn::plan {
namespace {

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return result;
}

}  // namespace

double usable_memory(const Device& device) {
  // Systems with unified memory let the graphics processor have about three quarters of it.
  const double part = device.kind == DeviceKind::unified ? 0.75 : 0.9;
  return device.memory * part;
}

double quantized_rate(const Device& device) {
  return device.kind == DeviceKind::cpu ? device.int8 : device.half;
}

double dense_rate(const Device& device, bool bfloat16) {
  if (device.kind != DeviceKind::cpu) return device.half;
  return bfloat16 ? std::max(device.half, device.f32) : device.f32;
}

double attention_rate(const Device& device) {
  return device.kind == DeviceKind::cpu ? std::max(device.half, device.f32) : device.f32;
}

double vector_rate(const Device& device) { return device.f32; }

const Device& find_device(std::string_view name) {
  const std::span<const Device> devices = known_devices();
  const auto found = std::find_if(devices.begin(), devices.end(),
                                  [&](const Device& device) { return device.name == lower(name); });
  if (found == devices.end()) {
    std::string names;
    for (const Device& device : devices) names += ", " + device.name;
    fail(ErrorCode::not_found,
         "device {}: not known; give its --bandwidth and --memory, or choose one of: local{}",
         quote(name), names);
  }
  return *found;
}

Device local_device(int threads) {
  constexpr double bandwidth_seconds = 0.3;
  constexpr double arithmetic_seconds = 0.06;
  const cpu::Isa isa = cpu::current_isa();
  Device device{.name = "local",
                .description = fmt::format("this machine, {} threads, {}", threads, cpu::name(isa)),
                .kind = DeviceKind::cpu,
                .measured = true};
  device.bandwidth = cpu::measure_read_bandwidth(threads, bandwidth_seconds).best;
  const cpu::ArithmeticPeak peak = cpu::measure_arithmetic_peak(isa, threads, arithmetic_seconds);
  device.int8 = peak.int8_dot;
  device.half = peak.bf16_dot;
  device.f32 = peak.f32_fma;
  device.memory = static_cast<double>(available_memory_bytes());
  return device;
}

}  // namespace tarn::plan
