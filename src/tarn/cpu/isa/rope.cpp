#include "tarn/cpu/isa/rope.h"

#include <cmath>

namespace tarn::cpu {
namespace {

void table_row(int32_t position, const float* inv_freq, int64_t half, float scaling, float* out_cos,
               float* out_sin) {
  for (int64_t i = 0; i < half; ++i) {
    const float angle = static_cast<float>(position) * inv_freq[i];
    out_cos[i] = std::cos(angle) * scaling;
    out_sin[i] = std::sin(angle) * scaling;
  }
}

void tables(const int32_t* positions, const float* inv_freq, int64_t half, float attention_scaling,
            int64_t row0, int64_t row1, float* out_cos, float* out_sin) {
  for (int64_t row = row0; row < row1; ++row)
    table_row(positions[row], inv_freq, half, attention_scaling, out_cos + row * half,
              out_sin + row * half);
}

void rope(const RopeArgs& args, int64_t item0, int64_t item1, void* scratch) {
  const int64_t half = args.rotary_dim / 2;
  const int64_t step = args.traditional ? 2 : 1;      // from one pair to the next
  const int64_t reach = args.traditional ? 1 : half;  // from a pair's first value to its second
  auto* const own_cos = static_cast<float*>(scratch);
  float* const own_sin = own_cos + half;
  int64_t table_of = -1;
  for (int64_t item = item0; item < item1; ++item) {
    const int64_t row = item / args.heads;  // b * T + t
    const int64_t h = item % args.heads;
    const int64_t b = row / args.tokens;
    const int64_t t = row % args.tokens;
    const float* cos = own_cos;
    const float* sin = own_sin;
    if (args.cos_table != nullptr) {
      cos = args.cos_table + row * half;
      sin = args.sin_table + row * half;
    } else if (table_of != row) {
      table_row(args.positions[b * args.position_batch_stride + t], args.inv_freq, half,
                args.attention_scaling, own_cos, own_sin);
      table_of = row;
    }
    const float* x =
        args.x + b * args.x_batch_stride + h * args.x_head_stride + t * args.x_token_stride;
    float* out =
        args.out + b * args.out_batch_stride + h * args.out_head_stride + t * args.out_token_stride;
    for (int64_t i = 0; i < half; ++i) {
      const float first = x[i * step];
      const float second = x[i * step + reach];
      out[i * step] = first * cos[i] - second * sin[i];
      out[i * step + reach] = second * cos[i] + first * sin[i];
    }
    for (int64_t i = args.rotary_dim; i < args.head_dim; ++i) out[i] = x[i];
  }
}

}  // namespace

const RopeKernels detail::rope_portable = {.rope = rope, .tables = tables};

TARN_DEFINE_KERNEL_TABLES(RopeKernels, rope)

}  // namespace tarn::cpu
