#include "tarn/cpu/isa/isa.h"

#include <algorithm>
#include <array>
#include <atomic>

#if defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#elif defined(__aarch64__) && defined(__APPLE__)
#include <sys/sysctl.h>
#endif

#include "tarn/base/error.h"

namespace tarn::cpu {
namespace {

constexpr std::array<std::string_view, 7> names = {
    "portable", "avx2", "avx512", "avx512bf16", "neon", "neon_dotprod", "neon_i8mm"};

#if defined(__x86_64__)
constexpr std::array levels = {Isa::portable, Isa::avx2, Isa::avx512, Isa::avx512bf16};

Isa detect() {
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (!avx2) return Isa::portable;
  const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
                      __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512vbmi");
  if (!avx512) return Isa::avx2;
  return __builtin_cpu_supports("avx512bf16") ? Isa::avx512bf16 : Isa::avx512;
}

#elif defined(__aarch64__)
constexpr std::array levels = {Isa::portable, Isa::neon, Isa::neon_dotprod, Isa::neon_i8mm};

#if defined(__linux__)
// Bits of the kernel's interface (asm/hwcap.h), whose header may be older than the kernel.
bool has_dotprod() { return (getauxval(AT_HWCAP) >> 20 & 1) != 0; }
bool has_i8mm() { return (getauxval(AT_HWCAP2) >> 13 & 1) != 0; }
#elif defined(__APPLE__)
bool has_feature(const char* key) {
  int value = 0;
  size_t size = sizeof(value);
  return sysctlbyname(key, &value, &size, nullptr, 0) == 0 && value != 0;
}
bool has_dotprod() { return has_feature("hw.optional.arm.FEAT_DotProd"); }
bool has_i8mm() { return has_feature("hw.optional.arm.FEAT_I8MM"); }
#else
bool has_dotprod() { return false; }
bool has_i8mm() { return false; }
#endif

Isa detect() {
  if (!has_dotprod()) return Isa::neon;
  return has_i8mm() ? Isa::neon_i8mm : Isa::neon_dotprod;
}

#else
constexpr std::array levels = {Isa::portable};

Isa detect() { return Isa::portable; }
#endif

std::atomic<Isa>& selected() {
  static std::atomic<Isa> isa{best_isa()};
  return isa;
}

}  // namespace

Isa best_isa() {
  static const Isa best = detect();
  return best;
}

Isa current_isa() { return selected().load(std::memory_order_relaxed); }

void set_isa(Isa isa) {
  const bool this_architecture = std::find(levels.begin(), levels.end(), isa) != levels.end();
  if (!this_architecture || isa > best_isa()) {
    fail(ErrorCode::unsupported,
         "instruction set {}: this processor has {} at best; choose that or a lower one of {}",
         name(isa), name(best_isa()), isa_names());
  }
  selected().store(isa, std::memory_order_relaxed);
}

std::string_view name(Isa isa) { return names[static_cast<size_t>(isa)]; }

Isa parse_isa(std::string_view text) {
  for (size_t i = 0; i < names.size(); ++i) {
    if (names[i] == text) return static_cast<Isa>(i);
  }
  fail(ErrorCode::invalid_argument, "instruction set \"{}\": unknown; use one of {}", text,
       isa_names());
}

std::vector<Isa> available_isas() {
  std::vector<Isa> all;
  for (const Isa isa : levels) {
    if (isa <= best_isa()) all.push_back(isa);
  }
  return all;
}

std::string isa_names() {
  std::string all;
  for (const Isa isa : levels) {
    if (!all.empty()) all += ", ";
    all += name(isa);
  }
  return all;
}

}  // namespace tarn::cpu
