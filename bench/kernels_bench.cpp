// The float kernels beside the limit each of them meets on one thread of this machine: a plain read
// of the same bytes for what memory bounds, a chain-free run of fused multiply-adds for what
// arithmetic bounds. Compare within one run only.
#include <benchmark/benchmark.h>

#include <cmath>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "tarn/cpu/isa/attention.h"
#include "tarn/cpu/isa/conv.h"
#include "tarn/cpu/isa/delta.h"
#include "tarn/cpu/isa/elementwise.h"
#include "tarn/cpu/isa/matmul.h"
#include "tarn/cpu/isa/norm.h"
#include "tarn/cpu/isa/rope.h"
#include "tarn/quant/kv_format.h"

namespace tarn::cpu {
namespace {

template <typename T>
class Buffer {
 public:
  explicit Buffer(int64_t n) : data_(new (std::align_val_t(64)) T[static_cast<size_t>(n)]), n_(n) {
    std::memset(static_cast<void*>(data_), 0, static_cast<size_t>(n) * sizeof(T));
  }
  ~Buffer() { ::operator delete[](data_, std::align_val_t(64)); }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  T* data() { return data_; }
  Buffer& fill(float low, float high) {
    std::minstd_rand engine(7);
    std::uniform_real_distribution<float> value(low, high);
    for (int64_t i = 0; i < n_; ++i) data_[i] = from_float<T>(value(engine));
    return *this;
  }

 private:
  T* data_;
  int64_t n_;
};

Isa isa_of(const benchmark::State& state) { return static_cast<Isa>(state.range(0)); }

void set_gflops(benchmark::State& state, double flops) {
  state.counters["GFLOP/s"] =
      benchmark::Counter(flops * 1e-9, benchmark::Counter::kIsIterationInvariantRate);
}
void set_gbytes(benchmark::State& state, double bytes) {
  state.counters["GB/s"] =
      benchmark::Counter(bytes * 1e-9, benchmark::Counter::kIsIterationInvariantRate);
}

// GNU vectors, so that one source gives the peak at either width.
typedef float Float16Lanes __attribute__((vector_size(64)));

#if defined(__x86_64__)
__attribute__((target("avx512f"))) void peak_loop(float* out, int64_t steps) {
  Float16Lanes acc[16];
  Float16Lanes a, b;
  std::memcpy(&a, out, 64);
  std::memcpy(&b, out + 16, 64);
  for (auto& x : acc) x = a;
  for (int64_t i = 0; i < steps; ++i) {
    for (auto& x : acc) asm volatile("vfmadd231ps %1, %2, %0" : "+v"(x) : "v"(a), "v"(b));
  }
  for (const auto& x : acc) std::memcpy(out, &x, 64);
}

void fma_peak_avx512(benchmark::State& state) {
  if (best_isa() < Isa::avx512) return state.SkipWithError("no AVX-512");
  Buffer<float> data(64);
  constexpr int64_t steps = 1000000;
  for (auto _ : state) {
    peak_loop(data.data(), steps);
    benchmark::ClobberMemory();
  }
  set_gflops(state, 2. * 16 * 16 * steps);
}
BENCHMARK(fma_peak_avx512)->Unit(benchmark::kMillisecond);
#endif

constexpr int64_t big_n = 16384, big_k = 4096;  // 128 MiB in bf16: far beyond the caches

Buffer<bfloat16>& big_matrix() {
  static Buffer<bfloat16> weights(big_n * big_k);
  static const bool filled = (weights.fill(-1, 1), true);
  (void)filled;
  return weights;
}

void read_matrix(benchmark::State& state) {
  const auto* words = reinterpret_cast<const uint64_t*>(big_matrix().data());
  constexpr int64_t lines = big_n * big_k * 2 / 64;
  for (auto _ : state) {
    uint64_t sum[8] = {};
    for (int64_t i = 0; i < lines; ++i) {
      __builtin_prefetch(words + i * 8 + 512);
      for (int j = 0; j < 8; ++j) sum[j] += words[i * 8 + j];
    }
    benchmark::DoNotOptimize(sum);
  }
  set_gbytes(state, lines * 64.);
}
BENCHMARK(read_matrix)->Unit(benchmark::kMillisecond)->MinTime(1);

// Few rows against the same matrix: decode, alone or in a small batch.
void matmul_few_bf16(benchmark::State& state) {
  const int64_t t = state.range(1);
  Buffer<float> x(t * big_k), out(t * big_n);
  x.fill(-1, 1);
  const MatmulNtArgs args{
      x.data(), big_k, big_matrix().data(), FloatType::bf16, big_k, out.data(), big_n, t, big_k};
  for (auto _ : state) matmul_kernels(isa_of(state)).matmul_nt(args, 0, big_n, nullptr);
  set_gbytes(state, big_n * big_k * 2.);
}
BENCHMARK(matmul_few_bf16)
    ->ArgNames({"isa", "T"})
    ->ArgsProduct({{1, 2}, {1, 2, 4}})
    ->Unit(benchmark::kMillisecond)
    ->MinTime(1);

template <typename W>
void matmul_rows(benchmark::State& state) {
  const int64_t t = state.range(1), n = 1024, k = state.range(2);
  Buffer<float> x(t * k), out(t * n);
  Buffer<W> w(n * k);
  x.fill(-1, 1);
  w.fill(-1, 1);
  const MatmulKernels& kernels = matmul_kernels(isa_of(state));
  Buffer<float> scratch(static_cast<int64_t>(kernels.scratch_bytes(t) / sizeof(float)));
  const FloatType type = sizeof(W) == 4 ? FloatType::f32 : FloatType::bf16;
  const MatmulNtArgs args{x.data(), k, w.data(), type, k, out.data(), n, t, k};
  for (auto _ : state) kernels.matmul_nt(args, 0, n, scratch.data());
  set_gflops(state, 2. * static_cast<double>(t * n * k));
}
BENCHMARK(matmul_rows<float>)
    ->ArgNames({"isa", "T", "K"})
    ->ArgsProduct({{1, 2}, {8, 64, 512}, {1024, 4096}})
    ->Unit(benchmark::kMillisecond);
BENCHMARK(matmul_rows<bfloat16>)
    ->ArgNames({"isa", "T", "K"})
    ->ArgsProduct({{1, 2}, {4, 8, 64, 512}, {4096}})
    ->Unit(benchmark::kMillisecond);

// 8 query heads on 2 KV heads of 256; range(0): instruction set, range(1): how K and V are stored.
constexpr int64_t q_heads = 8, kv_heads = 2, head_dim = 256;

int64_t row_elements(KvStorage type) {
  if (type < KvStorage::int8) return head_dim;
  return kv_row_bytes(type == KvStorage::int8 ? KvType::int8 : KvType::int4, head_dim);
}

int64_t row_bytes(KvStorage type) {
  return row_elements(type) * (type == KvStorage::f32 ? 4 : type < KvStorage::int8 ? 2 : 1);
}

struct AttentionCase {
  AttentionCase(KvStorage type, int64_t q_tokens, int64_t k_tokens)
      : q(q_tokens * q_heads * head_dim),
        out(q_tokens * q_heads * head_dim),
        k(k_tokens * kv_heads * row_bytes(type)),
        v(k_tokens * kv_heads * row_bytes(type)) {
    q.fill(-2, 2);
    // Any bytes will do, as long as no exponent is that of NaN.
    std::memset(k.data(), 0x3a, static_cast<size_t>(k_tokens * kv_heads * row_bytes(type)));
    std::memset(v.data(), 0x3a, static_cast<size_t>(k_tokens * kv_heads * row_bytes(type)));
    args.q = q.data();
    args.k = k.data();
    args.v = v.data();
    args.out = out.data();
    args.q_head_stride = args.out_head_stride = head_dim;
    args.q_token_stride = args.out_token_stride = q_heads * head_dim;
    args.k_token_stride = args.v_token_stride = row_elements(type);
    args.k_head_stride = args.v_head_stride = k_tokens * row_elements(type);
    args.kv_type = type;
    args.q_heads = q_heads;
    args.kv_heads = kv_heads;
    args.q_tokens = q_tokens;
    args.k_tokens = k_tokens;
    args.qk_dim = args.v_dim = head_dim;
    args.scale = 0.0625F;
    args.q_offset = k_tokens - q_tokens;
    args.causal = true;
  }
  Buffer<float> q, out;
  Buffer<uint8_t> k, v;
  AttentionArgs args{};
};

// The chunk of 512 tokens that ends at 4096.
void attention_prefill(benchmark::State& state) {
  constexpr int64_t chunk = 512, end = 4096;
  AttentionCase data(static_cast<KvStorage>(state.range(1)), chunk, end);
  Buffer<float> scratch(static_cast<int64_t>(attention_scratch_bytes(data.args) / 4));
  for (auto _ : state)
    attention_kernels(isa_of(state))
        .attention(data.args, 0, attention_items(data.args), scratch.data());
  set_gflops(state, 2. * 2 * q_heads * head_dim * chunk * (end - (chunk - 1) / 2.));
}
BENCHMARK(attention_prefill)
    ->ArgNames({"isa", "kv"})
    ->ArgsProduct({{1, 2, 3}, {0, 2, 3, 4}})
    ->Unit(benchmark::kMillisecond);

void attention_decode(benchmark::State& state) {
  const auto type = static_cast<KvStorage>(state.range(1));
  // As many layers as exceed the caches, so that K and V come from memory.
  std::vector<std::unique_ptr<AttentionCase>> layers;
  for (int i = 0; i < 12; ++i) layers.push_back(std::make_unique<AttentionCase>(type, 1, 4096));
  const AttentionArgs& first = layers[0]->args;
  Buffer<float> scratch(static_cast<int64_t>(attention_scratch_bytes(first) / 4));
  Buffer<float> partials(
      static_cast<int64_t>(attention_partials_bytes(first, attention_chunks(first)) / 4));
  const AttentionKernels& kernels = attention_kernels(isa_of(state));
  for (auto _ : state) {
    for (const auto& layer : layers) {
      kernels.attention_partial(layer->args, 0, attention_partial_items(first), partials.data(),
                                scratch.data());
      kernels.attention_combine(layer->args, 0, attention_rows(first), partials.data());
    }
  }
  set_gbytes(state, 12. * 2 * 4096 * kv_heads * static_cast<double>(row_bytes(type)));
}
BENCHMARK(attention_decode)
    ->ArgNames({"isa", "kv"})
    ->ArgsProduct({{1, 2}, {0, 2, 3, 4}})
    ->Unit(benchmark::kMillisecond);

void gated_delta(benchmark::State& state) {
  const int64_t t = state.range(1), heads = 16, dim = 128;
  Buffer<float> q(t * heads * dim), k(t * heads * dim), v(t * heads * dim), out(t * heads * dim);
  Buffer<float> g(t * heads), beta(t * heads), memory(heads * dim * dim), scratch(dim * 32);
  q.fill(-0.1F, 0.1F);
  k.fill(-0.1F, 0.1F);
  v.fill(-1, 1);
  g.fill(-1, 0);
  beta.fill(0, 1);
  GatedDeltaArgs args{};
  args.q = q.data();
  args.k = k.data();
  args.v = v.data();
  args.g = g.data();
  args.beta = beta.data();
  args.out = out.data();
  args.state = memory.data();
  args.q_token_stride = args.k_token_stride = args.v_token_stride = args.out_token_stride =
      heads * dim;
  args.q_head_stride = args.k_head_stride = args.v_head_stride = args.out_head_stride = dim;
  args.g_token_stride = args.beta_token_stride = heads;
  args.t = t;
  args.key_heads = args.value_heads = heads;
  args.dk = args.dv = dim;
  for (auto _ : state)
    delta_kernels(isa_of(state)).gated_delta(args, 0, delta_items(args), scratch.data());
  set_gflops(state, 7. * static_cast<double>(t * heads * dim * dim));
}
BENCHMARK(gated_delta)
    ->ArgNames({"isa", "T"})
    ->ArgsProduct({{1, 2}, {1, 512}})
    ->Unit(benchmark::kMillisecond);

void rms_norm(benchmark::State& state) {
  Buffer<float> x(512 * 4096), out(512 * 4096);
  Buffer<bfloat16> weight(4096);
  x.fill(-1, 1);
  NormArgs args{};
  args.x = x.data();
  args.out = out.data();
  args.ldx = args.ldo = args.d = 4096;
  args.weight = weight.data();
  args.param_type = FloatType::bf16;
  for (auto _ : state) norm_kernels(isa_of(state)).rms_norm(args, 0, 512);
  set_gbytes(state, 2. * 4 * 512 * 4096);
}
BENCHMARK(rms_norm)->Arg(0)->Arg(1)->Arg(2)->Unit(benchmark::kMicrosecond);

void rope(benchmark::State& state) {
  constexpr int64_t tokens = 512, heads = 16, dim = 128;
  Buffer<float> x(tokens * heads * dim), inv_freq(dim / 2), scratch(dim);
  x.fill(-1, 1);
  inv_freq.fill(0, 1);
  std::vector<int32_t> positions(tokens);
  for (size_t i = 0; i < positions.size(); ++i) positions[i] = static_cast<int32_t>(i);
  RopeArgs args{};
  args.x = args.out = x.data();
  args.x_head_stride = args.out_head_stride = dim;
  args.x_token_stride = args.out_token_stride = heads * dim;
  args.batch = 1;
  args.heads = heads;
  args.tokens = tokens;
  args.head_dim = args.rotary_dim = dim;
  args.traditional = state.range(1) != 0;
  args.positions = positions.data();
  args.inv_freq = inv_freq.data();
  for (auto _ : state) rope_kernels(isa_of(state)).rope(args, 0, tokens * heads, scratch.data());
  set_gbytes(state, 2. * 4 * tokens * heads * dim);
}
BENCHMARK(rope)
    ->ArgNames({"isa", "traditional"})
    ->ArgsProduct({{0, 1, 2}, {0, 1}})
    ->Unit(benchmark::kMicrosecond);

void causal_conv(benchmark::State& state) {
  constexpr int64_t tokens = 512, channels = 6144;
  Buffer<float> x(tokens * channels), out(tokens * channels), memory(3 * channels);
  Buffer<bfloat16> weight(channels * 4);
  x.fill(-1, 1);
  CausalConvArgs args{};
  args.x = x.data();
  args.out = out.data();
  args.ldx = args.ldo = args.ld_state = channels;
  args.t = tokens;
  args.weight = weight.data();
  args.channels = channels;
  args.param_type = FloatType::bf16;
  args.width = 4;
  args.state = memory.data();
  args.silu = true;
  for (auto _ : state) conv_kernels(isa_of(state)).causal_conv(args, 0, channels);
  set_gbytes(state, 2. * 4 * tokens * channels);
}
BENCHMARK(causal_conv)->Arg(0)->Arg(1)->Arg(2)->Unit(benchmark::kMicrosecond);

template <ElementwiseKernels::Unary ElementwiseKernels::*kernel>
void map(benchmark::State& state) {
  constexpr int64_t n = 8192;
  Buffer<float> x(n), out(n);
  x.fill(0.1F, 5);
  for (auto _ : state) {
    (elementwise_kernels(isa_of(state)).*kernel)(x.data(), out.data(), n);
    benchmark::ClobberMemory();
  }
  state.counters["G/s"] =
      benchmark::Counter(n * 1e-9, benchmark::Counter::kIsIterationInvariantRate);
}
BENCHMARK(map<&ElementwiseKernels::exp>)->Name("exp")->DenseRange(0, 2);
BENCHMARK(map<&ElementwiseKernels::log>)->Name("log")->DenseRange(0, 2);
BENCHMARK(map<&ElementwiseKernels::silu>)->Name("silu")->DenseRange(0, 2);
BENCHMARK(map<&ElementwiseKernels::gelu>)->Name("gelu")->DenseRange(0, 2);
BENCHMARK(map<&ElementwiseKernels::gelu_tanh>)->Name("gelu_tanh")->DenseRange(0, 2);
BENCHMARK(map<&ElementwiseKernels::sin>)->Name("sin")->DenseRange(0, 2);

}  // namespace
}  // namespace tarn::cpu

BENCHMARK_MAIN();
