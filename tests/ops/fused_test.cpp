// Fused operations against the compositions of plain operations that define them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "tarn/base/error.h"
#include "tarn/core/node.h"
#include "tarn/ops/attention.h"
#include "tarn/ops/elementwise.h"
#include "tarn/ops/embedding.h"
#include "tarn/ops/matmul.h"
#include "tarn/ops/norm.h"
#include "tarn/ops/recurrent.h"
#include "tarn/ops/rope.h"
#include "tarn/ops/shape.h"

namespace tarn {
namespace {

array random_array(const Shape& shape, unsigned seed, float scale = 1.0F) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal(0.0F, scale);
  std::vector<float> values(static_cast<size_t>(element_count(shape)));
  for (float& value : values) value = normal(generator);
  return {values, shape};
}

// The largest difference between the output of a pending fused operation and what its composition
// gives.
float difference(const array& fused) {
  const Storage& storage = *fused.node()->storage;
  const std::shared_ptr<OpNode> node = storage.producer;
  const auto index = static_cast<size_t>(storage.output_index);
  if (!node || node->op->compose == nullptr) {
    ADD_FAILURE() << "not a pending fused operation";
    return 1.0F;
  }
  const std::vector<float> expected = node->op->compose(*node)[index].to_vector<float>();
  const OutputSpec& spec = node->specs[index];
  const array whole = make_view(fused, spec.shape, spec.strides, -fused.node()->offset);
  const std::vector<float> got = whole.to_vector<float>();
  EXPECT_EQ(got.size(), expected.size());
  float largest = 0.0F;
  for (size_t i = 0; i < got.size(); ++i) {
    if (!(std::abs(got[i] - expected[i]) <= largest)) largest = std::abs(got[i] - expected[i]);
  }
  return largest;
}

// Values are about 1 and sums have up to 1000 terms, added in another order and, in exp, rounded by
// another polynomial: a few hundred units in the last place.
constexpr float tolerance = 5e-5F;

TEST(Fused, RmsNorm) {
  for (const int64_t d : {1, 3, 17, 64, 257}) {
    const array x = random_array({2, 5, d}, 1);
    const array w = random_array({d}, 2);
    EXPECT_LT(difference(rms_norm(x, w)), tolerance) << d;
    EXPECT_LT(difference(rms_norm(x, std::nullopt)), tolerance) << d;
    EXPECT_LT(difference(rms_norm(x, astype(w, Dtype::bf16), {.weight_offset = 1.0F})), tolerance);
    EXPECT_LT(difference(rms_norm(x, w, {.gate = random_array({2, 5, d}, 3)})), tolerance) << d;
  }
}

TEST(Fused, NormsOfStridedViews) {
  const array x = random_array({3, 4, 2, 48}, 1);
  const array half = slice(x, 3, 8, 40);  // rows with gaps
  const array gate = slice(random_array({3, 4, 2, 64}, 2), 3, 0, 32);
  EXPECT_LT(difference(rms_norm(half, random_array({32}, 3), {.gate = gate})), tolerance);
  EXPECT_LT(difference(l2_norm(swapaxes(half, 1, 2), 1e-6F, 0.25F)), tolerance);
  EXPECT_LT(difference(layer_norm(half, random_array({32}, 4), random_array({32}, 5))), tolerance);
}

TEST(Fused, NormsKeepTheDtype) {
  const array x = astype(random_array({2, 8}, 1), Dtype::bf16);
  EXPECT_EQ(rms_norm(x, std::nullopt).dtype(), Dtype::bf16);
  EXPECT_EQ(layer_norm(x, std::nullopt, std::nullopt).dtype(), Dtype::bf16);
}

TEST(Fused, Rope) {
  for (const bool traditional : {false, true}) {
    for (const int dims : {2, 8, 16}) {
      const array x = random_array({2, 3, 5, 16}, 1);
      const array freqs = rope_frequencies(dims, 10000.0F);
      EXPECT_LT(difference(rope(x, freqs, array(7), traditional, 1.5F)), tolerance);
      const array offsets({3, 900}, {2});
      EXPECT_LT(difference(rope(x, freqs, offsets, traditional)), tolerance);
      const array token_major = swapaxes(random_array({2, 5, 3, 16}, 2), 1, 2);
      EXPECT_LT(difference(rope(token_major, freqs, array(11), traditional)), tolerance);
    }
  }
}

TEST(Fused, RopeKeepsTheLayoutOfItsInput) {
  const array x = swapaxes(random_array({1, 5, 3, 8}, 2), 1, 2);
  const array y = rope(x, rope_frequencies(8, 10000.0F), array(0));
  EXPECT_TRUE(swapaxes(y, 1, 2).contiguous());
}

struct AttentionCase {
  int64_t batch, q_heads, kv_heads, queries, keys, dim, value_dim;
};

TEST(Fused, Attention) {
  const AttentionCase cases[] = {{1, 1, 1, 1, 1, 8, 8},
                                 {2, 4, 2, 5, 5, 16, 16},
                                 {1, 6, 2, 3, 300, 24, 17},
                                 {1, 2, 1, 70, 330, 32, 32},
                                 {3, 2, 2, 1, 600, 8, 8}};
  for (const AttentionCase& c : cases) {
    const array q = random_array({c.batch, c.q_heads, c.queries, c.dim}, 1);
    const array k = random_array({c.batch, c.kv_heads, c.keys, c.dim}, 2);
    const array v = random_array({c.batch, c.kv_heads, c.keys, c.value_dim}, 3);
    const float scale = 1.0F / std::sqrt(static_cast<float>(c.dim));
    const auto run = [&](AttentionOptions options) {
      options.scale = scale;
      return difference(scaled_dot_product_attention(q, k, v, options));
    };
    EXPECT_LT(run({}), tolerance);
    EXPECT_LT(run({.causal = true}), tolerance);
    EXPECT_LT(run({.causal = true, .window = 4}), tolerance);
    EXPECT_LT(run({.causal = true, .soft_cap = 5.0F}), tolerance);
    EXPECT_LT(run({.causal = true, .sinks = random_array({c.q_heads}, 4)}), tolerance);
    EXPECT_LT(run({.causal = true, .window = 7, .key_offset = 1000}), tolerance);
    const array additive = random_array({c.batch, 1, c.queries, c.keys}, 5);
    EXPECT_LT(run({.mask = additive}), tolerance);
    EXPECT_LT(run({.mask = additive > array(0.0F)}), tolerance);
    const array k16 = astype(k, Dtype::bf16);
    const array v16 = astype(v, Dtype::bf16);
    EXPECT_LT(
        difference(scaled_dot_product_attention(q, k16, v16, {.scale = scale, .causal = true})),
        tolerance);
  }
}

TEST(Fused, AttentionReadsACacheInPlace) {
  const array buffer = random_array({1, 2, 512, 16}, 1);
  const array keys = slice(buffer, 2, 0, 300);
  const array q = swapaxes(random_array({1, 9, 4, 16}, 2), 1, 2);
  EXPECT_LT(
      difference(scaled_dot_product_attention(q, keys, keys, {.scale = 0.25F, .causal = true})),
      tolerance);
}

TEST(Fused, AttentionErrorsNameTheShapes) {
  const array q = random_array({1, 3, 2, 8}, 1);
  const array k = random_array({1, 2, 2, 8}, 1);
  try {
    scaled_dot_product_attention(q, k, k, {});
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("3 query heads do not divide among 2 key heads"));
  }
}

TEST(Fused, CausalConvolution) {
  for (const int64_t width : {2, 4, 8}) {
    for (const int64_t tokens : {1, 3, 20}) {
      const array x = random_array({2, tokens, 37}, 1);
      const array w = random_array({37, width}, 2);
      const array state = random_array({2, width - 1, 37}, 3);
      const auto fresh = [&] { return causal_conv1d(x, w, std::nullopt, std::nullopt, true); };
      EXPECT_LT(difference(fresh().output), tolerance);
      EXPECT_EQ(difference(fresh().state), 0.0F);
      const array bias = random_array({37}, 4);
      const auto next = [&] { return causal_conv1d(x, w, bias, state, false); };
      EXPECT_LT(difference(next().output), tolerance);
      EXPECT_EQ(difference(next().state), 0.0F);
    }
  }
}

// Shapes at which the state is as large as an operand: neither may take the other's place.
TEST(Fused, AMissingStateDoesNotOverwriteAnOperand) {
  const array x = random_array({1, 3, 5}, 1);
  const array w = random_array({5, 4}, 2);
  EXPECT_LT(difference(causal_conv1d(x * 1.0F, w, std::nullopt, std::nullopt, true).output),
            tolerance);
  const array q = random_array({1, 8, 2, 8}, 1) * 1.0F;
  const array gates = random_array({1, 8, 2}, 2);
  EXPECT_LT(difference(gated_delta(q, q * 1.0F, q * 2.0F, negative(square(gates)), sigmoid(gates),
                                   std::nullopt)
                           .output),
            tolerance * 10);
}

struct DeltaInputs {
  array q, k, v, g, beta, state;
};

DeltaInputs delta_inputs(int64_t batch, int64_t tokens, int64_t key_heads, int64_t value_heads,
                         int64_t dk, int64_t dv) {
  const array gate = random_array({batch, tokens, value_heads}, 4);
  return {l2_norm(random_array({batch, tokens, key_heads, dk}, 1), 1e-6F,
                  1.0F / std::sqrt(static_cast<float>(dk))),
          l2_norm(random_array({batch, tokens, key_heads, dk}, 2)),
          random_array({batch, tokens, value_heads, dv}, 3),
          negative(square(gate)),
          sigmoid(random_array({batch, tokens, value_heads}, 5)),
          random_array({batch, value_heads, dk, dv}, 6, 0.3F)};
}

TEST(Fused, GatedDeltaRule) {
  for (const int64_t tokens : {1, 2, 33}) {
    const DeltaInputs in = delta_inputs(2, tokens, 2, 4, 17, 40);
    const auto fused = [&] { return gated_delta(in.q, in.k, in.v, in.g, in.beta, in.state); };
    EXPECT_LT(difference(fused().output), tolerance) << tokens;
    EXPECT_LT(difference(fused().state), tolerance) << tokens;
    const WithState fresh = gated_delta(in.q, in.k, in.v, in.g, in.beta, std::nullopt);
    EXPECT_LT(difference(fresh.output), tolerance) << tokens;
  }
}

TEST(Fused, ChunkedDeltaRuleEqualsTheStepwiseOne) {
  const DeltaInputs in = delta_inputs(1, 50, 2, 4, 16, 24);
  const WithState steps = gated_delta_stepwise(in.q, in.k, in.v, in.g, in.beta, in.state);
  const WithState fused = gated_delta(in.q, in.k, in.v, in.g, in.beta, in.state);
  for (const int64_t chunk : {1, 7, 16, 64}) {
    const WithState chunks = gated_delta_chunked(in.q, in.k, in.v, in.g, in.beta, in.state, chunk);
    const std::vector<float> a = steps.output.to_vector<float>();
    const std::vector<float> b = chunks.output.to_vector<float>();
    const std::vector<float> c = fused.output.to_vector<float>();
    const std::vector<float> sa = steps.state.to_vector<float>();
    const std::vector<float> sb = chunks.state.to_vector<float>();
    for (size_t i = 0; i < a.size(); ++i) {
      // The inverse of a chunk's triangle amplifies rounding a few times.
      ASSERT_NEAR(a[i], b[i], 4 * tolerance) << "chunk " << chunk;
      ASSERT_NEAR(a[i], c[i], tolerance);
    }
    for (size_t i = 0; i < sa.size(); ++i) ASSERT_NEAR(sa[i], sb[i], 4 * tolerance);
  }
}

TEST(Fused, DeltaGates) {
  const auto gates = [] {
    return delta_gates(random_array({1, 4, 6}, 1), random_array({1, 4, 6}, 2), random_array({6}, 3),
                       random_array({6}, 4));
  };
  EXPECT_LT(difference(gates().g), tolerance);
  EXPECT_LT(difference(gates().beta), tolerance);
}

TEST(Fused, EmbeddingChecksItsIds) {
  const array table = astype(random_array({5, 8}, 1), Dtype::bf16);
  EXPECT_EQ(difference(embedding(array({4, 0, 4}, {3}), table)), 0.0F);
  try {
    eval({embedding(array({1, 5}, {2}), table)});
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("id 5 is outside [0, 5)"));
  }
}

}  // namespace
}  // namespace tarn
