// The vector bodies of conv.h: lanes are channels, the history lives in registers. For the
// includers of vec.h.
#pragma once

#include "tarn/cpu/isa/conv.h"
#include "tarn/cpu/isa/vec_math.h"

namespace tarn::cpu {
namespace {

// Channels [c, c + count) for all tokens.
template <typename T, int width>
void conv_channels(const CausalConvArgs& args, int64_t c, int count) {
  const auto* weight = static_cast<const T*>(args.weight) + c * width;
  const auto* bias = static_cast<const T*>(args.bias);
  // Widen the taps, which lie channel by channel, then turn them to lie tap by tap.
  float by_channel[Vec::lanes * width] = {};
  for_lanes(static_cast<int64_t>(count) * width,
            [&](int64_t i, int n) { store(by_channel + i, load(weight + i, n), n); });
  Vec taps[width];
  for (int j = 0; j < width; ++j) {
    float lane[Vec::lanes];
    for (int l = 0; l < Vec::lanes; ++l) lane[l] = by_channel[l * width + j];
    taps[j] = load(lane);
  }
  Vec history[width];
  for (int j = 0; j + 1 < width; ++j) history[j] = load(args.state + j * args.ld_state + c, count);
  const Vec start = bias == nullptr ? zero() : load(bias + c, count);
  for (int64_t t = 0; t < args.t; ++t) {
    history[width - 1] = load(args.x + t * args.ldx + c, count);
    Vec y = start;
    for (int j = 0; j < width; ++j) y = fma(taps[j], history[j], y);
    if (args.silu) y = silu(y);
    store(args.out + t * args.ldo + c, y, count);
    for (int j = 0; j + 1 < width; ++j) history[j] = history[j + 1];
  }
  for (int j = 0; j + 1 < width; ++j) store(args.state + j * args.ld_state + c, history[j], count);
}

template <typename T, int width>
void conv_range(const CausalConvArgs& args, int64_t c0, int64_t c1) {
  for_lanes(c1 - c0, [&](int64_t i, int count) { conv_channels<T, width>(args, c0 + i, count); });
}

template <typename T>
void conv_widths(const CausalConvArgs& args, int64_t c0, int64_t c1) {
  switch (args.width) {
    case 2:
      return conv_range<T, 2>(args, c0, c1);
    case 3:
      return conv_range<T, 3>(args, c0, c1);
    case 4:
      return conv_range<T, 4>(args, c0, c1);
    case 5:
      return conv_range<T, 5>(args, c0, c1);
    case 6:
      return conv_range<T, 6>(args, c0, c1);
    case 7:
      return conv_range<T, 7>(args, c0, c1);
    default:
      return conv_range<T, 8>(args, c0, c1);
  }
}

void causal_conv(const CausalConvArgs& args, int64_t c0, int64_t c1) {
  with_type(args.param_type, [&]<typename T>(const T*) { conv_widths<T>(args, c0, c1); });
}

constexpr ConvKernels conv_simd = {.causal_conv = causal_conv};

}  // namespace
}  // namespace tarn::cpu
