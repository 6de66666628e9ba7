#include "tarn/cpu/isa/conv.h"

#include "tests/cpu/kernel_test_support.h"

namespace tarn::cpu {
namespace {

constexpr int64_t tokens = 11;

struct Data {
  int64_t channels, width;
  FloatType type;
  std::vector<float> x, state;
  Stored weight, bias;

  Data(int64_t c, int64_t w, FloatType t) : channels(c), width(w), type(t) {
    Random random(static_cast<uint32_t>(c + w));
    x = random.floats(static_cast<size_t>(tokens * c));
    state = random.floats(static_cast<size_t>((w - 1) * c));
    weight = stored(random.floats(static_cast<size_t>(c * w)), type);
    bias = stored(random.floats(static_cast<size_t>(c)), type);
  }
  CausalConvArgs args(std::vector<float>& out, std::vector<float>& carried, bool full) const {
    CausalConvArgs a{};
    a.x = x.data();
    a.ldx = a.ldo = a.ld_state = channels;
    a.out = out.data();
    a.t = tokens;
    a.weight = weight.data();
    a.channels = channels;
    a.bias = full ? bias.data() : nullptr;
    a.param_type = type;
    a.width = width;
    a.state = carried.data();
    a.silu = full;
    return a;
  }
};

template <typename F>
void for_every_case(F f) {
  for (const Isa isa : available_isas())
    for (const FloatType type : all_types)
      for (const int64_t channels : {1, 3, 17, 80, 127})
        for (int64_t width = 2; width <= conv_max_width; ++width)
          for (const bool full : {false, true})  // with bias and silu
            f(conv_kernels(isa), Data(channels, width, type), full, std::string(name(isa)));
}

TEST(CausalConv, MatchesDouble) {
  for_every_case([](const ConvKernels& kernels, const Data& data, bool full,
                    const std::string& what) {
    std::vector<float> out(data.x.size()), state(data.state);
    kernels.causal_conv(data.args(out, state, full), 0, data.channels);
    std::vector<float> in(data.state);
    in.insert(in.end(), data.x.begin(), data.x.end());
    std::vector<double> want;
    for (int64_t t = 0; t < tokens; ++t)
      for (int64_t c = 0; c < data.channels; ++c) {
        double y = full ? data.bias.values[static_cast<size_t>(c)] : 0.F;
        for (int64_t j = 0; j < data.width; ++j)
          y += static_cast<double>(data.weight.values[static_cast<size_t>(j * data.channels + c)]) *
               in[static_cast<size_t>((t + j) * data.channels + c)];
        want.push_back(full ? y / (1 + std::exp(-y)) : y);
      }
    // At most 8 products below 1: eight roundings of sums below 9.
    expect_near(out, want, 3e-6, what);
    expect_same_bits(state, {in.end() - static_cast<std::ptrdiff_t>(state.size()), in.end()},
                     "the state is the last inputs");
  });
}

TEST(CausalConv, CutsInTimeAndChannelsAndInPlaceGiveTheSameBits) {
  for_every_case(
      [](const ConvKernels& kernels, const Data& data, bool full, const std::string& what) {
        std::vector<float> whole(data.x.size()), whole_state(data.state);
        kernels.causal_conv(data.args(whole, whole_state, full), 0, data.channels);
        std::vector<float> parts(data.x), state(data.state);
        CausalConvArgs args = data.args(parts, state, full);
        args.x = parts.data();
        const int64_t middle = data.channels / 2;
        for (const int64_t t : {1, 2, 1, 0, 7}) {
          args.t = t;
          kernels.causal_conv(args, middle, data.channels);
          kernels.causal_conv(args, 0, middle);
          args.x += t * data.channels;
          args.out += t * data.channels;
        }
        expect_same_bits(whole, parts, what);
        expect_same_bits(whole_state, state, what + " state");
      });
}

}  // namespace
}  // namespace tarn::cpu
