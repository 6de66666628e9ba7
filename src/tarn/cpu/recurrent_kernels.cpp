#include <algorithm>
#include <cstring>

#include "tarn/cpu/isa/conv.h"
#include "tarn/cpu/isa/delta.h"
#include "tarn/cpu/kernels.h"
#include "tarn/cpu/rows.h"
#include "tarn/ops/recurrent_attributes.h"

namespace tarn::cpu {
namespace {

constexpr int64_t channel_grain = 16;

void causal_conv1d(const KernelArgs& args) {
  const auto& a = args.attributes<ConvAttributes>();
  const Operand& x = args.in[1];
  const Operand& weight = args.in[2];
  const Operand& state = args.out[0];
  const Operand& out = args.out[1];
  const int64_t channels = x.shape(2);
  const Share::Range range = args.share.of(channels, channel_grain);
  const auto bytes = static_cast<size_t>(range.end - range.begin) * sizeof(float);
  if (bytes == 0) return;
  for (int64_t b = 0; b < x.shape(0); ++b) {
    float* state_rows = state.as<float>() + b * state.stride(0);
    const float* old_rows = args.in[0].as<float>() + b * state.stride(0);
    for (int64_t row = 0; old_rows != state_rows && row < state.shape(1); ++row) {
      const int64_t at = row * channels + range.begin;
      std::memcpy(state_rows + at, old_rows + at, bytes);
    }
    CausalConvArgs conv{};
    conv.x = x.as<float>() + b * x.stride(0);
    conv.ldx = x.stride(1);
    conv.out = out.as<float>() + b * out.stride(0);
    conv.ldo = out.stride(1);
    conv.t = x.shape(1);
    conv.weight = weight.data;
    conv.bias = a.has_bias ? args.in[3].data : nullptr;
    conv.param_type = float_type(weight.dtype);
    conv.channels = channels;
    conv.width = weight.shape(0);
    conv.state = state_rows;
    conv.ld_state = channels;
    conv.silu = a.silu;
    conv_kernels(current_isa()).causal_conv(conv, range.begin, range.end);
  }
}

void delta_gates(const KernelArgs& args) {
  const Operand& a = args.in[0];
  const Operand& b = args.in[1];
  const int64_t heads = a.shape(2);
  const Share::Range range = args.share.of(a.size() / std::max<int64_t>(heads, 1));
  const DeltaKernels& kernels = delta_kernels(current_isa());
  for_row_runs(
      a, range.begin, range.end, [&](int64_t begin, int64_t end, const float* as, int64_t lda) {
        for_row_runs(b, begin, end, [&](int64_t first, int64_t last, const float* bs, int64_t ldb) {
          const DeltaGateArgs gates{as + (first - begin) * lda,
                                    lda,
                                    bs,
                                    ldb,
                                    args.in[2].data,
                                    args.in[3].data,
                                    float_type(args.in[2].dtype),
                                    args.out[0].as<float>() + first * heads,
                                    args.out[1].as<float>() + first * heads,
                                    heads};
          kernels.gates(gates, 0, last - first);
        });
      });
}

GatedDeltaArgs delta_sequence(const KernelArgs& args, int64_t b) {
  const auto in = [&](size_t i) -> const Operand& { return args.in[i + 1]; };
  const auto data = [&](const Operand& x) { return x.as<float>() + b * x.stride(0); };
  GatedDeltaArgs delta{};
  delta.q = data(in(0));
  delta.q_token_stride = in(0).stride(1);
  delta.q_head_stride = in(0).stride(2);
  delta.k = data(in(1));
  delta.k_token_stride = in(1).stride(1);
  delta.k_head_stride = in(1).stride(2);
  delta.v = data(in(2));
  delta.v_token_stride = in(2).stride(1);
  delta.v_head_stride = in(2).stride(2);
  delta.g = data(in(3));
  delta.g_token_stride = in(3).stride(1);
  delta.beta = data(in(4));
  delta.beta_token_stride = in(4).stride(1);
  delta.out = data(args.out[1]);
  delta.out_token_stride = args.out[1].stride(1);
  delta.out_head_stride = args.out[1].stride(2);
  delta.state = data(args.out[0]);
  delta.t = in(0).shape(1);
  delta.key_heads = in(0).shape(2);
  delta.value_heads = in(2).shape(2);
  delta.dk = in(0).shape(3);
  delta.dv = in(2).shape(3);
  return delta;
}

size_t delta_scratch(const StepShape& shape) {
  const Operand& state = shape.out[0];
  const auto bytes = static_cast<size_t>(state.shape(2) * delta_column_block) * sizeof(float);
  return (bytes + 63) / 64 * 64 * static_cast<size_t>(shape.members);
}

void gated_delta(const KernelArgs& args) {
  const Operand& state = args.out[0];
  if (args.in[0].data != state.data) {
    const Share::Range part = args.share.of(state.nbytes(), 64);
    std::memcpy(state.data + part.begin, args.in[0].data + part.begin,
                static_cast<size_t>(part.end - part.begin));
    args.meet();
  }
  const GatedDeltaArgs first = delta_sequence(args, 0);
  const int64_t items = delta_items(first);
  const size_t member = (delta_scratch_bytes(first) + 63) / 64 * 64;
  std::byte* scratch = args.scratch + member * static_cast<size_t>(args.share.member);
  const Share::Range range = args.share.of(items * state.shape(0));
  for (int64_t item = range.begin; item < range.end;) {
    const int64_t b = item / items;
    const int64_t end = std::min(range.end, (b + 1) * items);
    delta_kernels(current_isa())
        .gated_delta(delta_sequence(args, b), item - b * items, end - b * items, scratch);
    item = end;
  }
}

constexpr NamedKernel table[] = {
    {"causal_conv1d", {.run = causal_conv1d}},
    {"delta_gates", {.run = delta_gates}},
    {"gated_delta", {.run = gated_delta, .scratch = delta_scratch}},
};

}  // namespace

KernelTable recurrent_kernels() { return table; }

}  // namespace tarn::cpu
