// Expected values are what mlx.core.random 0.32.4 gives on its CPU for key(42).
#include "tarn/ops/random.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tarn/ops/creation.h"
#include "tarn/ops/elementwise.h"
#include "tarn/ops/reduce.h"
#include "tests/support/errors.h"

namespace tarn {
namespace {

using testing::ElementsAre;
using testing::FloatNear;
using testing::Pointwise;

const array& key42() {
  static const array key = random::key(42);
  return key;
}

TEST(Random, KeysSplitAsInMlx) {
  EXPECT_THAT(random::key((uint64_t{1} << 40) + 3).to_vector<uint32_t>(), ElementsAre(256, 3));
  EXPECT_THAT(random::split(key42(), 3).to_vector<uint32_t>(),
              ElementsAre(3134548294, 3733159049, 3746501087, 894150801, 801545058, 2363201431));
  const auto [first, second] = random::split(key42());
  EXPECT_THAT(first.to_vector<uint32_t>(), ElementsAre(2465931498, 3679230171));
  EXPECT_THAT(second.to_vector<uint32_t>(), ElementsAre(255383827, 267815257));
  EXPECT_THAT(random::uniform({2}, Dtype::f32, first).shape(), (Shape{2}));
}

TEST(Random, NarrowBitsAreTheBytesOfTheWords) {
  const std::vector<uint32_t> words = random::bits({3}, 4, key42()).to_vector<uint32_t>();
  const std::vector<uint8_t> bytes = random::bits({11}, 1, key42()).to_vector<uint8_t>();
  for (size_t i = 0; i < bytes.size(); ++i) {
    EXPECT_EQ(bytes[i], static_cast<uint8_t>(words[i / 4] >> (i % 4 * 8))) << i;
  }
  const std::vector<uint16_t> halves = random::bits({5}, 2, key42()).to_vector<uint16_t>();
  EXPECT_EQ(halves[4], static_cast<uint16_t>(words[2]));
  EXPECT_EQ(random::bits({0}, 4, key42()).size(), 0);
  EXPECT_EQ(random::bits({}, 1, key42()).to_vector<int>().size(), 1U);
}

TEST(Random, UniformIsMlxBitForBit) {
  EXPECT_THAT(random::uniform({5}, Dtype::f32, key42()).to_vector<double>(),
              ElementsAre(0.7298188805580139, 0.8691938519477844, 0.1964380443096161,
                          0.20818570256233215, 0.18662425875663757));
  EXPECT_THAT(random::uniform(array(-2), array(3), {5}, Dtype::f32, key42()).to_vector<double>(),
              ElementsAre(1.6490943431854248, 2.3459692001342773, -1.0178097486495972,
                          -0.9590715169906616, -1.0668786764144897));
  EXPECT_THAT(random::uniform({4}, Dtype::f16, key42()).to_vector<double>(),
              ElementsAre(0.57421875, 0.8564453125, 0.0594482421875, 0.062347412109375));
  EXPECT_THAT(random::uniform({4}, Dtype::bf16, key42()).to_vector<double>(),
              ElementsAre(0.57421875, 0.85546875, 0.0595703125, 0.062255859375));
  EXPECT_EQ(random::uniform({1}, Dtype::f32, key42()).item<double>(), 0.4267275631427765);
}

TEST(Random, DistributionsMatchMlxWithinTheirFunctions) {
  // erfinv and log differ by a few units in the last place between libraries.
  const auto near = [](const std::vector<float>& expected) {
    return Pointwise(FloatNear(2e-6F), expected);
  };
  EXPECT_THAT(random::normal({5}, Dtype::f32, key42()).to_vector<float>(),
              near({0.612265408039093F, 1.1225886344909668F, -0.8544130325317383F,
                    -0.8127323985099792F, -0.8904047012329102F}));
  EXPECT_THAT(random::normal({5}, Dtype::f32, key42(), array(1.5F), array(2)).to_vector<float>(),
              near({2.7245306968688965F, 3.7451772689819336F, -0.20882606506347656F,
                    -0.1254647970199585F, -0.2808094024658203F}));
  EXPECT_THAT(random::normal({4}, Dtype::f16, key42()).to_vector<float>(),
              ElementsAre(0.1868896484375F, 1.0654296875F, -1.55859375F, -1.53515625F));
  EXPECT_THAT(random::gumbel({5}, Dtype::f32, key42()).to_vector<float>(),
              near({1.15531325340271F, 1.9647629261016846F, -0.4869886636734009F,
                    -0.4506455063819885F, -0.5179946422576904F}));
  EXPECT_THAT(random::truncated_normal(array(-1.0F), array(2.0F), {6}, Dtype::f32, key42())
                  .to_vector<float>(),
              near({0.6937519311904907F, 1.1272079944610596F, 1.13932204246521F,
                    -0.4424688518047333F, -0.4918155372142792F, 0.2768884301185608F}));
  EXPECT_THAT(
      random::laplace({4}, Dtype::f32, key42()).to_vector<float>(),
      near({-0.1605079025030136F, -1.2492321729660034F, 2.129283905029297F, 2.081753969192505F}));
}

TEST(Random, ChoicesMatchMlx) {
  EXPECT_THAT(random::bernoulli(array(0.3F), {12}, key42()).to_vector<int>(),
              ElementsAre(0, 1, 0, 0, 1, 1, 0, 0, 1, 0, 1, 1));
  EXPECT_THAT(random::randint(array(-5), array(100), {8}, Dtype::i32, key42()).to_vector<int>(),
              ElementsAre(67, 57, 22, 20, 75, 24, -1, -5));
  EXPECT_THAT(random::randint(array(0), array(255), {8}, Dtype::u8, key42()).to_vector<int>(),
              ElementsAre(175, 152, 67, 61, 194, 72, 10, 0));
  const array logits({0.1F, 2.0F, -1.0F, 0.5F, 1.0F, 1.0F, 1.0F, 1.0F}, {2, 4});
  EXPECT_THAT(random::categorical(logits, -1, key42()).to_vector<int>(), ElementsAre(1, 0));
  EXPECT_THAT(random::categorical(logits, 0, key42()).to_vector<int>(), ElementsAre(1, 0, 1, 0));
  EXPECT_THAT(random::categorical(logits, -1, 7, key42()).to_vector<int>(),
              ElementsAre(1, 1, 0, 1, 1, 1, 1, 1, 3, 3, 3, 2, 3, 1));
  EXPECT_THAT(random::categorical(logits, -1, Shape{3, 2}, key42()).to_vector<int>(),
              ElementsAre(1, 3, 1, 3, 1, 2));
  EXPECT_THAT(random::permutation(10, key42()).to_vector<int>(),
              ElementsAre(5, 2, 7, 1, 6, 8, 0, 9, 4, 3));
  EXPECT_THAT(random::permutation(array({1, 2, 3, 4, 5, 6}, {2, 3}), 1, key42()).to_vector<int>(),
              ElementsAre(3, 2, 1, 6, 5, 4));
}

TEST(Random, TheSequenceMatchesMlxAfterSeeding) {
  random::seed(7);
  EXPECT_THAT(random::uniform({2}).to_vector<double>(),
              ElementsAre(0.514767050743103, 0.0784912109375));
  EXPECT_THAT(random::uniform({2}).to_vector<double>(),
              ElementsAre(0.8012937307357788, 0.18442964553833008));
}

TEST(Random, LargeDrawsAreSharedAndCover) {
  const array u = random::uniform({100001}, Dtype::f32, key42());
  EXPECT_NEAR(mean(u).item<float>(), 0.5, 0.005);  // 5 standard errors of 1e5 draws
  EXPECT_GE(min(u).item<float>(), 0);
  EXPECT_LT(max(u).item<float>(), 1);
  EXPECT_NEAR(tarn::std(random::normal({100000}, Dtype::f32, key42())).item<float>(), 1, 0.012);
}

TEST(Random, Complains) {
  EXPECT_EQ(error_of([] {
              random::bits({2}, 4, array({1, 2}, {2}));
            }),
            "[bits] key is int32 (2); a key is uint32 of shape (2), as key() and split() make it");
  EXPECT_EQ(error_of([] { random::bits({2}, 3, key42()); }),
            "[bits] width 3: give 1, 2 or 4 bytes");
  EXPECT_EQ(error_of([] { random::uniform({2}, Dtype::i32, key42()); }),
            "[uniform] int32: give float32, float16 or bfloat16");
  EXPECT_EQ(error_of([] {
              random::bernoulli(zeros({3}), {2, 1}, key42());
            }),
            "[bernoulli] parameters of shape (3) do not broadcast to (2, 1)");
}

}  // namespace
}  // namespace tarn
