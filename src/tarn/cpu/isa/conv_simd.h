// The vector bodies of conv.h: lanes are channels. Time runs inside a block of channels whose taps
// and last inputs stay in the first-level cache; each row of a block is a stretch long enough for
// the hardware to stream. For the includers of vec.h.
#pragma once

#include "tarn/cpu/isa/conv.h"
#include "tarn/cpu/isa/vec_math.h"

namespace tarn::cpu {
namespace {

constexpr int64_t channel_block = 256;

struct ConvBlock {
  alignas(64) float taps[conv_max_width][channel_block];
  alignas(64) float history[conv_max_width - 1][channel_block];  // a ring of input rows
  alignas(64) float bias[channel_block];
};

template <typename T>
inline void begin_block(ConvBlock& block, const CausalConvArgs& args, int64_t c, int64_t channels) {
  const auto* weight = static_cast<const T*>(args.weight) + c;
  const auto* bias = static_cast<const T*>(args.bias);
  for_lanes(channels, [&](int64_t i, int count) {
    for (int64_t j = 0; j < args.width; ++j)
      store(block.taps[j] + i, load(weight + j * args.channels + i, count));
    store(block.bias + i, bias == nullptr ? zero() : load(bias + c + i, count));
    for (int64_t j = 0; j + 1 < args.width; ++j)
      store(block.history[j] + i, load(args.state + j * args.ld_state + c + i, count));
  });
}

template <int width>
void conv_block(ConvBlock& block, const CausalConvArgs& args, int64_t c, int64_t channels) {
  int64_t oldest = 0;
  for (int64_t t = 0; t < args.t; ++t) {
    // The ring's rows from the oldest on; the current input replaces the oldest.
    float* rows[width - 1];
    for (int j = 0; j + 1 < width; ++j) rows[j] = block.history[(oldest + j) % (width - 1)];
    const float* x = args.x + t * args.ldx + c;
    float* out = args.out + t * args.ldo + c;
    for_lanes(channels, [&](int64_t i, int count) {
      const Vec input = load(x + i, count);
      Vec y = load(block.bias + i);
      unrolled<width - 1>(
          [&](auto j) TARN_INLINE { y = fma(load(block.taps[j] + i), load(rows[j] + i), y); });
      y = fma(load(block.taps[width - 1] + i), input, y);
      store(rows[0] + i, input);
      store(out + i, args.silu ? silu(y) : y, count);
    });
    oldest = (oldest + 1) % (width - 1);
  }
  for_lanes(channels, [&](int64_t i, int count) {
    for (int j = 0; j + 1 < width; ++j)
      store(args.state + j * args.ld_state + c + i,
            load(block.history[(oldest + j) % (width - 1)] + i), count);
  });
}

using BlockKernel = void (*)(ConvBlock&, const CausalConvArgs&, int64_t, int64_t);
constexpr BlockKernel block_kernels[] = {conv_block<2>, conv_block<3>, conv_block<4>, conv_block<5>,
                                         conv_block<6>, conv_block<7>, conv_block<8>};

// One token: everything is used once, so nothing is gathered in a block first.
template <typename T, int width>
void conv_token(const CausalConvArgs& args, int64_t c0, int64_t c1) {
  const auto* weight = static_cast<const T*>(args.weight) + c0;
  const auto* bias = static_cast<const T*>(args.bias);
  float* state = args.state + c0;
  for_lanes(c1 - c0, [&](int64_t i, int count) {
    const Vec input = load(args.x + c0 + i, count);
    Vec y = bias == nullptr ? zero() : load(bias + c0 + i, count);
    Vec row[width];
    unrolled<width - 1>([&](auto j) TARN_INLINE {
      row[j] = load(state + j * args.ld_state + i, count);
      y = fma(load(weight + j * args.channels + i, count), row[j], y);
    });
    row[width - 1] = input;
    y = fma(load(weight + (width - 1) * args.channels + i, count), input, y);
    unrolled<width - 1>(
        [&](auto j) TARN_INLINE { store(state + j * args.ld_state + i, row[j + 1], count); });
    store(args.out + c0 + i, args.silu ? silu(y) : y, count);
  });
}

using TokenKernel = void (*)(const CausalConvArgs&, int64_t, int64_t);
template <typename T>
constexpr TokenKernel token_kernels[] = {conv_token<T, 2>, conv_token<T, 3>, conv_token<T, 4>,
                                         conv_token<T, 5>, conv_token<T, 6>, conv_token<T, 7>,
                                         conv_token<T, 8>};

void causal_conv(const CausalConvArgs& args, int64_t c0, int64_t c1) {
  if (args.t == 1) {
    with_type(args.param_type,
              [&]<typename T>(const T*) { token_kernels<T>[args.width - 2](args, c0, c1); });
    return;
  }
  ConvBlock block;
  for (int64_t c = c0; c < c1; c += channel_block) {
    const int64_t channels = min_of(channel_block, c1 - c);
    with_type(args.param_type,
              [&]<typename T>(const T*) { begin_block<T>(block, args, c, channels); });
    block_kernels[args.width - 2](block, args, c, channels);
  }
}

constexpr ConvKernels conv_simd = {.causal_conv = causal_conv};

}  // namespace
}  // namespace tarn::cpu
