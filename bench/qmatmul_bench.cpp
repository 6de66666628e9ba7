// How close the quantized matrix product comes to the machine's limits: decode against the measured
// read bandwidth, prefill against the measured peak of the integer dot product. Other work on the
// machine disturbs both sides alike, so each round measures the limit beside the product. The table
// shows the medians of the rounds, and the best product against the best limit of all rounds.
//
//   qmatmul_bench [rounds [isa [decode|prefill]]]
#include <fmt/core.h>
#include <sys/mman.h>
#include <time.h>

#include <algorithm>
#include <atomic>
#include <barrier>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <new>
#include <string>
#include <thread>
#include <vector>

#include "tarn/base/error.h"
#include "tarn/cpu/arithmetic_peak.h"
#include "tarn/cpu/bandwidth.h"
#include "tarn/cpu/isa/qmatmul.h"

namespace {

using namespace tarn;
using cpu::Isa;
using quant::PanelFormat;
using quant::ScaleType;

// Processor time of this thread: what one thread computes does not depend on who else is running.
double cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

double seconds_of(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

// A fixed set of threads that each run the same function, as the engine's would.
class Threads {
 public:
  explicit Threads(int count) : border_(count) {
    for (int i = 1; i < count; ++i) {
      others_.emplace_back([this] {
        for (border_.arrive_and_wait(); work_; border_.arrive_and_wait()) {
          work_();
          border_.arrive_and_wait();
        }
      });
    }
  }
  ~Threads() {
    work_ = nullptr;
    border_.arrive_and_wait();
    for (auto& other : others_) other.join();
  }
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;

  double run(const std::function<void()>& work) {
    work_ = work;
    return seconds_of([&] {
      border_.arrive_and_wait();
      work_();
      border_.arrive_and_wait();
    });
  }

 private:
  std::barrier<> border_;
  std::function<void()> work_;
  std::vector<std::thread> others_;
};

struct FreeAligned {
  void operator()(std::byte* p) const { ::operator delete (p, std::align_val_t{64}); }
};

// Random panels: the kernels' speed does not depend on the values.
struct Matrix {
  std::unique_ptr<std::byte, FreeAligned> bytes;
  size_t size;
  cpu::PanelMatrix panels;

  Matrix(PanelFormat format, size_t rows, size_t inputs) {
    size = quant::packed_size(format, rows, inputs);
    bytes.reset(static_cast<std::byte*>(::operator new (size, std::align_val_t{64})));
    std::memset(bytes.get(), 0x11, size);
    panels = {format, bytes.get(), rows, inputs};
  }
};

struct Activations {
  std::vector<float> buffer;
  cpu::QuantizedActivations view;

  Activations(const cpu::QMatmulKernels& kernels, size_t tokens, size_t inputs, int group_size)
      : buffer(cpu::quantized_activations_size(tokens, inputs, group_size) / sizeof(float)),
        view(cpu::quantized_activations_in(reinterpret_cast<std::byte*>(buffer.data()), tokens,
                                           inputs, group_size)) {
    std::vector<float> x(tokens * inputs);
    for (size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i % 17) - 8;
    kernels.quantize_activations(x.data(), inputs, tokens, inputs, group_size, 0, tokens, view);
  }
};

// One product, its panels claimed in chunks by all threads.
double product_seconds(Threads& threads, const cpu::QMatmulKernels& kernels, const Matrix& w,
                       const Activations& x, size_t tokens, size_t chunk, std::vector<float>& out) {
  std::atomic<size_t> next{0};
  const size_t panels = quant::panel_count(w.panels.rows);
  return threads.run([&] {
    for (size_t i; (i = next.fetch_add(chunk, std::memory_order_relaxed)) < panels;) {
      kernels.matmul(w.panels, i, std::min(i + chunk, panels), x.view, tokens, out.data(),
                     w.panels.rows);
    }
  });
}

struct Case {
  std::string name;
  int threads;
  std::vector<double> rates, limits;
};

double best(const std::vector<double>& values) {
  return *std::max_element(values.begin(), values.end());
}

constexpr const char* scale_names[] = {"f32", "f16", "bf16", "e8m0", "e4m3"};

std::string describe(const PanelFormat& format, size_t tokens, const char* kind = nullptr) {
  const std::string name = kind != nullptr
                               ? kind
                               : fmt::format("{}-bit group {} {}", format.bits, format.group_size,
                                             scale_names[static_cast<int>(format.scale_type)]);
  return fmt::format("{}, {} token{}", name, tokens, tokens == 1 ? "" : "s");
}

// The kinds of panels that are not affine.
struct Kind {
  const char* name;
  PanelFormat format;
};

std::vector<Kind> kinds() {
  using quant::BiasKind;
  using quant::CodeValues;
  using quant::ScaleKind;
  const auto offset = [](int bits, int group, ScaleKind scales, int center) {
    return PanelFormat{bits,  group, ScaleType::f16, scales, BiasKind::offset, CodeValues::linear,
                       center};
  };
  const auto table = [](int bits, int group, ScaleKind scales, ScaleType type) {
    return PanelFormat{bits, group, type, scales, BiasKind::offset, CodeValues::table_i8};
  };
  const auto mins = [](int bits, int group) {
    return PanelFormat{bits, group, ScaleType::f16, ScaleKind::super, BiasKind::mins};
  };
  return {{"lut6, row scales", table(6, 64, ScaleKind::row, ScaleType::f32)},
          {"lut4, row scales", table(4, 64, ScaleKind::row, ScaleType::f32)},
          {"lut4, group 32", table(4, 32, ScaleKind::group, ScaleType::f16)},
          {"lut3, row scales", table(3, 64, ScaleKind::row, ScaleType::f32)},
          {"q4_0", offset(4, 32, ScaleKind::group, 8)},
          {"q8_0", offset(8, 32, ScaleKind::group, 128)},
          {"q2_k", mins(2, 16)},
          {"q3_k", offset(3, 16, ScaleKind::super, 4)},
          {"q4_k", mins(4, 32)},
          {"q5_k", mins(5, 32)},
          {"q6_k", offset(6, 16, ScaleKind::super, 32)},
          {"iq4_xs", table(4, 32, ScaleKind::super, ScaleType::f16)},
          {"mxfp4", table(4, 32, ScaleKind::group, ScaleType::e8m0)},
          {"nvfp4", table(4, 16, ScaleKind::group, ScaleType::e4m3)}};
}

void print(const char* title, const char* unit, double scale, const std::vector<Case>& cases) {
  fmt::print("\n{:<32} {:>7} {:>10} {:>9} {:>9}\n", title, "threads", unit, "median", "best");
  for (const Case& one : cases) {
    std::vector<double> ratios(one.rates.size());
    std::transform(one.rates.begin(), one.rates.end(), one.limits.begin(), ratios.begin(),
                   std::divides<>());
    fmt::print("{:<32} {:>7} {:>10.1f} {:>8.1f}% {:>8.1f}%\n", one.name, one.threads,
               median(one.rates) * scale, 100 * median(ratios),
               100 * best(one.rates) / best(one.limits));
  }
}

// Matrices far larger than the last-level cache: every product reads them from memory.
void bench_decode(const cpu::QMatmulKernels& kernels, int rounds) {
  constexpr size_t inputs = 4096;
  struct Setting {
    PanelFormat format;
    size_t tokens;
    const char* name = nullptr;
  };
  std::vector<Setting> settings = {
      {{4, 64, ScaleType::f16}, 1}, {{6, 64, ScaleType::f16}, 1},  {{8, 64, ScaleType::f16}, 1},
      {{2, 64, ScaleType::f16}, 1}, {{3, 64, ScaleType::f16}, 1},  {{5, 64, ScaleType::f16}, 1},
      {{4, 32, ScaleType::f16}, 1}, {{4, 128, ScaleType::f16}, 1}, {{4, 64, ScaleType::bf16}, 1},
      {{4, 64, ScaleType::f32}, 1}, {{4, 64, ScaleType::f16}, 2},  {{4, 64, ScaleType::f16}, 4},
      {{4, 64, ScaleType::f16}, 8}, {{8, 64, ScaleType::f16}, 2},  {{8, 64, ScaleType::f16}, 4},
      {{8, 64, ScaleType::f16}, 8}};
  for (const Kind& kind : kinds()) settings.push_back({kind.format, 1, kind.name});
  std::vector<Case> cases;
  for (const auto& [format, tokens, name] : settings) {
    const size_t rows = (size_t{320} << 20) / quant::panel_stride(format, inputs) * 16;
    const Matrix w(format, rows, inputs);
    const Activations x(kernels, tokens, inputs, format.group_size);
    std::vector<float> out(tokens * rows);
    for (const int count : {1, 2}) {
      Threads threads(count);
      Case one{describe(format, tokens, name), count, {}, {}};
      for (int round = 0; round < rounds; ++round) {
        const double limit = cpu::measure_read_bandwidth(count, 0.05).best;
        double rate = 0;
        for (int i = 0; i < 4; ++i) {
          rate = std::max(rate, static_cast<double>(w.size) /
                                    product_seconds(threads, kernels, w, x, tokens, 64, out));
        }
        one.rates.push_back(rate);
        one.limits.push_back(limit);
      }
      cases.push_back(one);
    }
  }
  print("decode", "GB/s", 1e-9, cases);
}

void bench_prefill(Isa isa, int rounds) {
  const auto& kernels = cpu::qmatmul_kernels(isa);
  constexpr size_t inputs = 4096, rows = 4096;
  std::vector<Case> cases;
  const auto measure = [&](const PanelFormat& format, size_t tokens, const char* name) {
    const Matrix w(format, rows, inputs);
    const Activations x(kernels, tokens, inputs, format.group_size);
    std::vector<float> out(tokens * rows);
    Case one{describe(format, tokens, name), 1, {}, {}};
    for (int round = 0; round < rounds; ++round) {
      one.limits.push_back(cpu::int8_dot_rate(isa));
      const double start = cpu_seconds();
      kernels.matmul(w.panels, 0, quant::panel_count(rows), x.view, tokens, out.data(), rows);
      one.rates.push_back(static_cast<double>(rows * inputs * tokens) / (cpu_seconds() - start));
    }
    cases.push_back(one);
  };
  for (const int bits : {4, 6, 8}) {
    for (const int group_size : {32, 64, 128}) {
      for (const size_t tokens : {2, 4, 8, 16, 32, 64, 512}) {
        if (tokens != 512 && group_size != 64) continue;
        measure({bits, group_size, ScaleType::f16}, tokens, nullptr);
      }
    }
  }
  for (const Kind& kind : kinds()) measure(kind.format, 512, kind.name);
  print("prefill", "GMAC/s", 1e-9, cases);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const int rounds = argc > 1 ? std::max(1, std::atoi(argv[1])) : 9;
    const Isa isa = argc > 2 ? cpu::parse_isa(argv[2]) : cpu::best_isa();
    const auto& kernels = cpu::qmatmul_kernels(isa);
    fmt::print("{}; read bandwidth {:.1f} GB/s with one thread, {:.1f} with two\n", cpu::name(isa),
               cpu::measure_read_bandwidth(1, 0.5).best * 1e-9,
               cpu::measure_read_bandwidth(2, 0.5).best * 1e-9);
    const std::string part = argc > 3 ? argv[3] : "";
    if (part != "prefill") bench_decode(kernels, rounds);
    if (part != "decode") bench_prefill(isa, rounds);
  } catch (const Error& error) {
    fmt::print(stderr, "qmatmul_bench: {}\n", error.what());
    return 1;
  }
  return 0;
}
