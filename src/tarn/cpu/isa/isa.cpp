#include "tarn/cpu/isa/isa.h"

#include <array>
#include <atomic>
#include <string>

#include "tarn/base/error.h"

namespace tarn::cpu {
namespace {

constexpr std::array<std::string_view, 4> names = {"portable", "avx2", "avx512", "avx512bf16"};

Isa detect() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (!avx2) return Isa::portable;
  const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
                      __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512vbmi");
  if (!avx512) return Isa::avx2;
  return __builtin_cpu_supports("avx512bf16") ? Isa::avx512bf16 : Isa::avx512;
#else
  return Isa::portable;
#endif
}

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
  if (isa > best_isa()) {
    fail(ErrorCode::unsupported,
         "instruction set {}: this processor has {} at best; choose that or a lower one", name(isa),
         name(best_isa()));
  }
  selected().store(isa, std::memory_order_relaxed);
}

std::string_view name(Isa isa) { return names[static_cast<size_t>(isa)]; }

Isa parse_isa(std::string_view text) {
  for (size_t i = 0; i < names.size(); ++i) {
    if (names[i] == text) return static_cast<Isa>(i);
  }
  fail(ErrorCode::invalid_argument,
       "instruction set \"{}\": unknown; use portable, avx2, avx512 or avx512bf16", text);
}

std::vector<Isa> available_isas() {
  std::vector<Isa> all;
  for (int i = 0; i <= static_cast<int>(best_isa()); ++i) all.push_back(static_cast<Isa>(i));
  return all;
}

}  // namespace tarn::cpu
