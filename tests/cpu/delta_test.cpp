#include "tarn/cpu/isa/delta.h"

#include "tests/cpu/kernel_test_support.h"

namespace tarn::cpu {
namespace {

struct Data {
  int64_t t = 13, key_heads = 2, value_heads = 4, dk, dv;
  std::vector<float> q, k, v, g, beta, state;

  Data(int64_t dk_, int64_t dv_) : dk(dk_), dv(dv_) {
    Random random(static_cast<uint32_t>(dk * 1000 + dv));
    const float size = 1.F / std::sqrt(static_cast<float>(dk));  // rows of length about 1
    q = random.floats(static_cast<size_t>(t * key_heads * dk), -size, size);
    k = random.floats(static_cast<size_t>(t * key_heads * dk), -size, size);
    v = random.floats(static_cast<size_t>(t * value_heads * dv));
    g = random.floats(static_cast<size_t>(t * value_heads), -2.F, 0.F);
    beta = random.floats(static_cast<size_t>(t * value_heads), 0.F, 1.F);
    state = random.floats(static_cast<size_t>(value_heads * dk * dv));
  }
  GatedDeltaArgs args(float* out, float* carried) const {
    GatedDeltaArgs a{};
    a.q = q.data();
    a.k = k.data();
    a.q_token_stride = a.k_token_stride = key_heads * dk;
    a.q_head_stride = a.k_head_stride = dk;
    a.v = v.data();
    a.v_token_stride = a.out_token_stride = value_heads * dv;
    a.v_head_stride = a.out_head_stride = dv;
    a.g = g.data();
    a.beta = beta.data();
    a.g_token_stride = a.beta_token_stride = value_heads;
    a.out = out;
    a.state = carried;
    a.t = t;
    a.key_heads = key_heads;
    a.value_heads = value_heads;
    a.dk = dk;
    a.dv = dv;
    return a;
  }
};

template <typename F>
void for_every_case(F f) {
  constexpr int64_t dims[][2] = {{1, 1}, {3, 17}, {17, 3}, {80, 33}, {127, 127}, {128, 256}};
  for (const Isa isa : available_isas())
    for (const auto& d : dims) f(delta_kernels(isa), Data(d[0], d[1]), std::string(name(isa)));
}

TEST(GatedDelta, MatchesDouble) {
  for_every_case([](const DeltaKernels& kernels, const Data& data, const std::string& what) {
    std::vector<float> out(data.v.size()), state(data.state);
    const GatedDeltaArgs args = data.args(out.data(), state.data());
    const Scratch scratch(delta_scratch_bytes(args));
    kernels.gated_delta(args, 0, delta_items(args), scratch.get());
    std::vector<double> s(data.state.begin(), data.state.end()), want(out.size());
    for (int64_t t = 0; t < data.t; ++t)
      for (int64_t h = 0; h < data.value_heads; ++h) {
        const float* k = data.k.data() + (t * data.key_heads + h / 2) * data.dk;
        const float* q = data.q.data() + (t * data.key_heads + h / 2) * data.dk;
        const auto gate = static_cast<size_t>(t * data.value_heads + h);
        for (int64_t c = 0; c < data.dv; ++c) {
          // The definition step by step: decay, answer, correction, read.
          double* column = s.data() + h * data.dk * data.dv + c;
          const int64_t at = (t * data.value_heads + h) * data.dv + c;
          double answer = 0, read = 0;
          for (int64_t i = 0; i < data.dk; ++i) {
            column[i * data.dv] *= std::exp(static_cast<double>(data.g[gate]));
            answer += column[i * data.dv] * k[i];
          }
          const double error = (data.v[static_cast<size_t>(at)] - answer) * data.beta[gate];
          for (int64_t i = 0; i < data.dk; ++i) {
            column[i * data.dv] += k[i] * error;
            read += column[i * data.dv] * q[i];
          }
          want[static_cast<size_t>(at)] = read;
        }
      }
    // States of size 1 to 2, dot products with rows of length 1; the decay forgets older errors.
    expect_near(out, want, 3e-6, what);
    expect_near(state, s, 3e-6, what + " state");
  });
}

TEST(GatedDelta, CutsInTimeAndItemsGiveTheSameBits) {
  for_every_case([](const DeltaKernels& kernels, const Data& data, const std::string& what) {
    std::vector<float> whole(data.v.size()), whole_state(data.state);
    GatedDeltaArgs args = data.args(whole.data(), whole_state.data());
    const Scratch scratch(delta_scratch_bytes(args));
    kernels.gated_delta(args, 0, delta_items(args), scratch.get());
    std::vector<float> parts(data.v.size()), state(data.state);
    args = data.args(parts.data(), state.data());
    for (const int64_t t : {1, 1, 4, 0, 7}) {
      args.t = t;
      for (int64_t item = delta_items(args) - 1; item >= 0; --item)
        kernels.gated_delta(args, item, item + 1, scratch.get());
      args.q += t * args.q_token_stride;
      args.k += t * args.k_token_stride;
      args.v += t * args.v_token_stride;
      args.g += t * args.g_token_stride;
      args.beta += t * args.beta_token_stride;
      args.out += t * args.out_token_stride;
    }
    expect_same_bits(whole, parts, what);
    expect_same_bits(whole_state, state, what + " state");
  });
}

TEST(DeltaGates, MatchesDouble) {
  constexpr int64_t t = 5;
  for (const Isa isa : available_isas())
    for (const FloatType type : all_types)
      for (const int64_t heads : {1, 3, 17, 32}) {
        Random random(8);
        const std::vector<float> a = random.floats(static_cast<size_t>(t * heads), -8, 8);
        const std::vector<float> b = random.floats(static_cast<size_t>(t * heads), -8, 8);
        const Stored a_log = stored(random.floats(static_cast<size_t>(heads), -1, 3), type);
        const Stored dt_bias = stored(random.floats(static_cast<size_t>(heads), -4, 4), type);
        std::vector<float> g(a.size()), beta(a.size());
        const DeltaGateArgs args{.a = a.data(),
                                 .lda = heads,
                                 .b = b.data(),
                                 .ldb = heads,
                                 .a_log = a_log.data(),
                                 .dt_bias = dt_bias.data(),
                                 .param_type = type,
                                 .g = g.data(),
                                 .beta = beta.data(),
                                 .heads = heads};
        delta_kernels(isa).gates(args, 0, 2);
        delta_kernels(isa).gates(args, 2, t);
        for (size_t i = 0; i < a.size(); ++i) {
          const size_t h = i % static_cast<size_t>(heads);
          const double dt = static_cast<double>(a[i]) + dt_bias.values[h];
          const double want =
              -std::exp(static_cast<double>(a_log.values[h])) * std::log1p(std::exp(dt));
          // Each of the three functions within 2 units; the sum dt within half a unit of 12.
          EXPECT_NEAR(g[i], want, std::fabs(want) * 2e-6) << name(isa);
          EXPECT_NEAR(beta[i], 1 / (1 + std::exp(-static_cast<double>(b[i]))), 3e-7);
        }
      }
}

}  // namespace
}  // namespace tarn::cpu
