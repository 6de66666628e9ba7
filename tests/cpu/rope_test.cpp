#include "tarn/cpu/isa/rope.h"

#include "tests/cpu/kernel_test_support.h"

namespace tarn::cpu {
namespace {

constexpr int64_t batch = 2, heads = 3, tokens = 4;

struct Shape {
  int64_t head_dim, rotary_dim;
};
constexpr Shape shapes[] = {{2, 2}, {17, 6}, {64, 64}, {80, 40}, {127, 126}, {256, 64}};

struct Data {
  Shape shape;
  bool token_major;  // [B, T, H, D], else [B, H, T, D]
  std::vector<float> x, inv_freq;
  std::vector<int32_t> positions = {0, 1, 77, 4095, 262143, 5, 1000000, 3};

  Data(Shape s, bool token_major_) : shape(s), token_major(token_major_) {
    Random random(static_cast<uint32_t>(s.head_dim));
    x = random.floats(static_cast<size_t>(batch * heads * tokens * s.head_dim));
    for (int64_t i = 0; i < s.rotary_dim / 2; ++i)
      inv_freq.push_back(static_cast<float>(
          std::pow(10000., -2. * static_cast<double>(i) / static_cast<double>(s.rotary_dim))));
  }
  int64_t head_stride() const { return shape.head_dim * (token_major ? 1 : tokens); }
  int64_t token_stride() const { return shape.head_dim * (token_major ? heads : 1); }
  RopeArgs args(float* out, bool traditional) const {
    RopeArgs a{};
    a.x = x.data();
    a.out = out;
    a.x_batch_stride = a.out_batch_stride = heads * tokens * shape.head_dim;
    a.x_head_stride = a.out_head_stride = head_stride();
    a.x_token_stride = a.out_token_stride = token_stride();
    a.batch = batch;
    a.heads = heads;
    a.tokens = tokens;
    a.head_dim = shape.head_dim;
    a.rotary_dim = shape.rotary_dim;
    a.traditional = traditional;
    a.attention_scaling = 1.25F;
    a.positions = positions.data();
    a.position_batch_stride = tokens;
    a.inv_freq = inv_freq.data();
    return a;
  }
};

template <typename F>
void for_every_case(F f) {
  for (const Isa isa : available_isas())
    for (const Shape shape : shapes)
      for (const bool token_major : {false, true})
        for (const bool traditional : {false, true})
          f(rope_kernels(isa), Data(shape, token_major), traditional, std::string(name(isa)));
}

constexpr int64_t items = batch * heads * tokens;

TEST(Rope, MatchesDouble) {
  for_every_case(
      [](const RopeKernels& kernels, const Data& data, bool traditional, const std::string& what) {
        std::vector<float> out(data.x.size());
        const Scratch scratch(rope_scratch_bytes(data.shape.rotary_dim));
        kernels.rope(data.args(out.data(), traditional), 0, items, scratch.get());
        std::vector<double> want(data.x.begin(), data.x.end());
        const int64_t half = data.shape.rotary_dim / 2;
        for (int64_t b = 0; b < batch; ++b)
          for (int64_t h = 0; h < heads; ++h)
            for (int64_t t = 0; t < tokens; ++t)
              for (int64_t i = 0; i < half; ++i) {
                // The angle is rounded to float, as the definition says; the rest is exact.
                const double angle =
                    static_cast<float>(data.positions[static_cast<size_t>(b * tokens + t)]) *
                    data.inv_freq[static_cast<size_t>(i)];
                const double c = std::cos(angle) * 1.25;
                const double s = std::sin(angle) * 1.25;
                const int64_t row = b * heads * tokens * data.shape.head_dim +
                                    h * data.head_stride() + t * data.token_stride();
                const auto first = static_cast<size_t>(row + (traditional ? 2 * i : i));
                const size_t second = first + static_cast<size_t>(traditional ? 1 : half);
                want[first] = data.x[first] * c - data.x[second] * s;
                want[second] = data.x[second] * c + data.x[first] * s;
              }
        // Values below 1, turned and scaled: three roundings of numbers below 2.
        expect_near(out, want, 5e-7, what);
      });
}

TEST(Rope, SplitInPlaceAndFinishedTablesGiveTheSameBits) {
  for_every_case(
      [](const RopeKernels& kernels, const Data& data, bool traditional, const std::string& what) {
        std::vector<float> whole(data.x.size()), parts(data.x), from_tables(data.x.size());
        const Scratch scratch(rope_scratch_bytes(data.shape.rotary_dim));
        RopeArgs args = data.args(whole.data(), traditional);
        kernels.rope(args, 0, items, scratch.get());
        RopeArgs in_place = args;
        in_place.x = in_place.out = parts.data();
        for (int64_t i = items - 1; i >= 0; --i) kernels.rope(in_place, i, i + 1, scratch.get());
        expect_same_bits(whole, parts, what);

        const int64_t half = data.shape.rotary_dim / 2;
        std::vector<float> cos(static_cast<size_t>(batch * tokens * half)), sin(cos);
        kernels.tables(data.positions.data(), data.inv_freq.data(), half, 1.25F, 0, 3, cos.data(),
                       sin.data());
        kernels.tables(data.positions.data(), data.inv_freq.data(), half, 1.25F, 3, batch * tokens,
                       cos.data(), sin.data());
        args.cos_table = cos.data();
        args.sin_table = sin.data();
        args.positions = nullptr;
        args.out = from_tables.data();
        kernels.rope(args, 0, items, nullptr);
        expect_same_bits(whole, from_tables, what);
      });
}

}  // namespace
}  // namespace tarn::cpu
