#include "tarn/cpu/arithmetic_peak.h"

#include <time.h>

#include <algorithm>
#include <array>
#include <barrier>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <thread>
#include <vector>

#include "tarn/base/error.h"

namespace tarn::cpu {
namespace {

constexpr int64_t rounds = 1000;       // tens of microseconds
constexpr double shortest = 2e-3;      // seconds
constexpr double longest_stand = 0.1;  // seconds without a tick of the thread's clock

// Processor time of this thread: what one thread computes does not depend on who else is running.
double cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

double wall_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// Multiply-adds a second of `kernel`, which does `products` of them in each of its rounds. Some
// sandboxes count processor time in ticks of many milliseconds, or not at all: the time measured
// goes from tick to tick, and a clock that stands is replaced by the wall's.
double rate(void (*kernel)(int64_t), double products) {
  double (*clock)() = cpu_seconds;
  const double wall = wall_seconds();
  const double before = clock();
  double start = before;
  while (start == before) {
    kernel(rounds);
    if (wall_seconds() - wall > longest_stand) clock = wall_seconds;
    start = clock();
  }
  int64_t done = 0;
  double end = start;
  while (end - start < shortest) {
    kernel(rounds);
    done += rounds;
    end = clock();
  }
  return static_cast<double>(done) * products / (end - start);
}

#if defined(__x86_64__)

// Independent sums hide the latency of each instruction: 16 with 512-bit registers, 12 with
// 256-bit ones, of which there are only 16. Registers start at zero: what they held before could be
// denormal numbers, which are slow. The assembler is used because nothing may be optimized away and
// because this file is compiled for the baseline.
#define TARN_CLOBBERS                                                                      \
  "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", \
      "xmm11", "xmm12", "xmm13", "xmm14", "xmm15", "cc"
#define TARN_ZERO_REGISTERS                                            \
  ".irp r,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n"                     \
  "vpxor %%xmm\\r, %%xmm\\r, %%xmm\\r\n" /* and the register's rest */ \
  ".endr\n"
#define TARN_PEAK_LOOP_512(instruction)                         \
  asm volatile(TARN_ZERO_REGISTERS                              \
               "1:\n"                                           \
               ".rept 8\n"                                      \
               ".irp r,0,1,2,3,4,5,6,7,8,9,10,11\n" instruction \
               " %%zmm12, %%zmm13, %%zmm\\r\n"                  \
               ".endr\n"                                        \
               ".endr\n"                                        \
               "dec %0\n"                                       \
               "jnz 1b\n"                                       \
               : "+r"(count)::TARN_CLOBBERS)

constexpr double sums = 8 * 12;  // instructions of a round

void int8_dot_512(int64_t count) { TARN_PEAK_LOOP_512("vpdpbusd"); }
void bf16_dot_512(int64_t count) { TARN_PEAK_LOOP_512("vdpbf16ps"); }
void f32_fma_512(int64_t count) { TARN_PEAK_LOOP_512("vfmadd231ps"); }

void f32_fma_256(int64_t count) {
  asm volatile(TARN_ZERO_REGISTERS
               "1:\n"
               ".rept 8\n"
               ".irp r,0,1,2,3,4,5,6,7,8,9,10,11\n"
               "vfmadd231ps %%ymm12, %%ymm13, %%ymm\\r\n"
               ".endr\n"
               ".endr\n"
               "dec %0\n"
               "jnz 1b\n"
               : "+r"(count)::TARN_CLOBBERS);
}

// What AVX2 has for an 8-bit dot product: to pairs of 16 bits, to 32 bits, added.
void int8_dot_256(int64_t count) {
  asm volatile(TARN_ZERO_REGISTERS
               "1:\n"
               ".rept 16\n"
               ".irp r,0,1,2,3,4,5\n"
               "vpmaddubsw %%ymm12, %%ymm13, %%ymm14\n"
               "vpmaddwd %%ymm14, %%ymm15, %%ymm14\n"
               "vpaddd %%ymm14, %%ymm\\r, %%ymm\\r\n"
               ".endr\n"
               ".endr\n"
               "dec %0\n"
               "jnz 1b\n"
               : "+r"(count)::TARN_CLOBBERS);
}

#endif

// What the compiler makes of plain loops. The values come from memory that it cannot know.
constexpr size_t plain_lanes = 64;
volatile float plain_float = 0;
volatile int8_t plain_int = 0;

void f32_fma_plain(int64_t count) {
  std::array<float, plain_lanes> totals{};
  const float a = plain_float;
  const float b = plain_float;
  for (int64_t i = 0; i < count; ++i) {
    for (float& total : totals) total = total * a + b;
  }
  for (const float total : totals) plain_float = total;
}

void int8_dot_plain(int64_t count) {
  std::array<int8_t, plain_lanes> a{};
  std::array<int8_t, plain_lanes> b{};
  for (size_t i = 0; i < plain_lanes; ++i) {
    a[i] = plain_int;
    b[i] = plain_int;
  }
  int32_t total = plain_int;
  for (int64_t i = 0; i < count; ++i) {
    for (size_t j = 0; j < plain_lanes; ++j) total += static_cast<int32_t>(a[j]) * b[j];
    a[static_cast<size_t>(i) % plain_lanes] = static_cast<int8_t>(total);
  }
  plain_int = static_cast<int8_t>(total);
}

}  // namespace

double int8_dot_rate(Isa isa) {
#if defined(__x86_64__)
  if (isa >= Isa::avx512) return rate(int8_dot_512, sums * 64);
  if (isa >= Isa::avx2) return rate(int8_dot_256, sums * 32);
#endif
  static_cast<void>(isa);
  return rate(int8_dot_plain, plain_lanes);
}

double bf16_dot_rate(Isa isa) {
#if defined(__x86_64__)
  if (isa == Isa::avx512bf16) return rate(bf16_dot_512, sums * 32);
#endif
  static_cast<void>(isa);
  return 0;
}

double f32_fma_rate(Isa isa) {
#if defined(__x86_64__)
  if (isa >= Isa::avx512) return rate(f32_fma_512, sums * 16);
  if (isa >= Isa::avx2) return rate(f32_fma_256, sums * 8);
#endif
  static_cast<void>(isa);
  return rate(f32_fma_plain, plain_lanes);
}

ArithmeticPeak measure_arithmetic_peak(Isa isa, int threads, double seconds) {
  if (threads < 1) {
    fail(ErrorCode::invalid_argument,
         "arithmetic peak: {} threads cannot compute; use at least one", threads);
  }
  using Clock = std::chrono::steady_clock;
  std::vector<ArithmeticPeak> best(static_cast<size_t>(threads));
  std::barrier<> border(threads);
  const auto measure = [&](double (*kind)(Isa), double& result) {
    border.arrive_and_wait();
    const Clock::time_point start = Clock::now();
    do {
      result = std::max(result, kind(isa));
    } while (Clock::now() - start < std::chrono::duration<double>(seconds));
  };
  const auto work = [&](ArithmeticPeak& result) {
    measure(int8_dot_rate, result.int8_dot);
    if (isa == Isa::avx512bf16) measure(bf16_dot_rate, result.bf16_dot);
    measure(f32_fma_rate, result.f32_fma);
  };
  std::vector<std::thread> others;
  for (size_t i = 1; i < best.size(); ++i) others.emplace_back([&, i] { work(best[i]); });
  work(best[0]);
  for (std::thread& other : others) other.join();
  ArithmeticPeak total;
  for (const ArithmeticPeak& one : best) {
    total.int8_dot += one.int8_dot;
    total.bf16_dot += one.bf16_dot;
    total.f32_fma += one.f32_fma;
  }
  return total;
}

}  // namespace tarn::cpu
