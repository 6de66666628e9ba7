// What this machine can multiply and add when nothing else holds it up: the limit that prefill
// speed is reported against.
#pragma once

#include "tarn/cpu/isa/isa.h"

namespace tarn::cpu {

// Multiply-adds a second. Zero: the instruction set has no such instruction.
struct ArithmeticPeak {
  double int8_dot = 0;  // 8-bit products summed to 32 bits
  double bf16_dot = 0;  // bfloat16 products summed to float32
  double f32_fma = 0;
};

// Of the calling thread, in one run of a few milliseconds of its processor time: what others do on
// the machine does not count.
double int8_dot_rate(Isa isa);
double bf16_dot_rate(Isa isa);
double f32_fma_rate(Isa isa);

// Of `threads` threads that compute at the same time, so that shared cores and lower clocks count:
// the sum of each one's best run in about `seconds` seconds for each kind.
ArithmeticPeak measure_arithmetic_peak(Isa isa, int threads, double seconds);

}  // namespace tarn::cpu
