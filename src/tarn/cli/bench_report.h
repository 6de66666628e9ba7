// The results of `tarn bench` as a table, as JSON and as CSV.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tarn/lm/benchmark.h"

namespace tarn::cli {

struct BenchRow {
  std::string test;  // "pp512", "tg128", "pp512 @ d4096"
  int64_t tokens = 0;
  int64_t depth = 0;  // tokens in the cache beforehand
  std::optional<PrefillResult> prefill;
  std::optional<DecodeResult> decode;
  double predicted = 0;  // tokens a second, as `tarn plan` foresees for the limits of this run
};

struct BenchReport {
  std::string model;
  ModelSize size;
  std::string unit;  // "CPU"
  std::string isa;   // "avx512bf16"
  int threads = 0;
  int repeats = 0;
  double load_seconds = 0;
  double bandwidth = 0;         // bytes a second: the limit of decode
  double bandwidth_before = 0;  // the two measurements that it is the larger of
  double bandwidth_after = 0;
  double int8_peak = 0;  // multiply-adds a second
  double f32_peak = 0;
  double bf16_peak = 0;  // 0: no such instruction
  uint64_t peak_pool_bytes = 0;
  uint64_t copied_bytes = 0;  // weights that were not used in place
  std::optional<uint64_t> peak_resident_bytes;
  std::vector<BenchRow> rows;
};

double bytes_per_second(const DecodeResult& decode);  // weights and cache

std::string markdown(const BenchReport& report);
std::string csv(const BenchReport& report);
std::string json_text(const BenchReport& report);

}  // namespace tarn::cli
