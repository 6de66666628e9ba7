#include "tarn/ops/kv_cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "tarn/core/node.h"
#include "tarn/memory/pool.h"
#include "tarn/ops/attention.h"
#include "tarn/ops/creation.h"
#include "tarn/ops/elementwise.h"
#include "tarn/ops/shape.h"
#include "tests/support/errors.h"

namespace tarn {
namespace {

constexpr KvType all_types[] = {KvType::f32, KvType::bf16, KvType::int8, KvType::int4};

array random_array(const Shape& shape, unsigned seed) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal(0.0F, 1.0F);
  std::vector<float> values(static_cast<size_t>(element_count(shape)));
  for (float& value : values) value = normal(generator);
  return {values, shape};
}

float largest(const std::vector<float>& values) {
  float most = 0;
  for (const float v : values) most = std::max(most, std::abs(v));
  return most;
}

// Half a step of the code, and the rounding of a 16-bit scale; of a row whose values reach `most`.
float step_of(KvType type, float most) {
  switch (type) {
    case KvType::f32:
      return 0;
    case KvType::bf16:
      return most * 0x1p-8F;
    case KvType::int8:
      return most / 127 * 0.51F;
    default:
      return 2 * most / 15 * 0.51F + most * 0x1p-10F;
  }
}

TEST(KvCacheOps, RowsComeBackWithinHalfAStep) {
  for (const KvType type : all_types) {
    for (const int64_t dim : {1, 31, 32, 64, 80, 128, 256}) {
      const array x = random_array({2, 3, 5, dim}, 1);
      const array buffer = kv_update(make_kv_buffer(type, 2, 3, 9, dim), x, array(3), type);
      const std::vector<float> got = kv_read(slice(buffer, 2, 3, 8), type, dim).to_vector<float>();
      const std::vector<float> expected = x.to_vector<float>();
      const float tolerance = step_of(type, largest(expected));
      for (size_t i = 0; i < got.size(); ++i) {
        ASSERT_LE(std::abs(got[i] - expected[i]), tolerance) << name(type) << " " << dim;
      }
    }
  }
}

// Constant, zero and huge rows have scales of their own kind.
TEST(KvCacheOps, RowsOfOneValue) {
  for (const KvType type : all_types) {
    for (const float value : {0.0F, 1.0F, -3.5F, 60000.0F, 1e-6F}) {
      const std::vector<float> row(40, value);
      std::vector<std::byte> stored(static_cast<size_t>(kv_row_bytes(type, 40)));
      std::vector<float> back(40, NAN);
      encode_kv_row(type, row.data(), 40, stored.data());
      decode_kv_row(type, stored.data(), 40, back.data());
      for (const float b : back) EXPECT_NEAR(b, value, std::abs(value) * 5e-3F + 4e-6F);
    }
    std::vector<float> odd(40, 1.0F);
    odd[3] = NAN;
    odd[35] = INFINITY;
    std::vector<std::byte> stored(static_cast<size_t>(kv_row_bytes(type, 40)));
    encode_kv_row(type, odd.data(), 40, stored.data());  // no undefined behaviour
  }
}

TEST(KvCacheOps, UpdatesWriteInPlaceAndLeaveTheRest) {
  for (const KvType type : all_types) {
    array buffer = make_kv_buffer(type, 1, 2, 64, 48);
    buffer = kv_update(buffer, random_array({1, 2, 64, 48}, 1), array(0), type);
    eval({buffer});
    const std::byte* const at = buffer.node()->storage->buffer->data();
    const std::vector<float> before = kv_read(buffer, type, 48).to_vector<float>();
    const array x = swapaxes(random_array({1, 3, 2, 48}, 2), 1, 2);  // token by token, as models do
    buffer = kv_update(buffer, x, array(1010), type, 1000);
    eval({buffer});
    EXPECT_EQ(buffer.node()->storage->buffer->data(), at);
    const array now = kv_read(buffer, type, 48);
    const array kept = concatenate({slice(now, 2, 0, 10), slice(now, 2, 13, 64)}, 2);
    const array old(before, {1, 2, 64, 48});
    EXPECT_EQ(kept.to_vector<float>(),
              concatenate({slice(old, 2, 0, 10), slice(old, 2, 13, 64)}, 2).to_vector<float>());
    const array held = buffer;  // somebody else looks at it: a copy is made
    const array copy = kv_update(buffer, x, array(1000), type, 1000);
    eval({copy});
    EXPECT_EQ(kv_read(held, type, 48).to_vector<float>(), now.to_vector<float>());
  }
}

TEST(KvCacheOps, FloatUpdatesMatchTheirComposition) {
  for (const KvType type : {KvType::f32, KvType::bf16}) {
    const array buffer =
        kv_update(make_kv_buffer(type, 2, 2, 9, 5), random_array({2, 2, 9, 5}, 1), array(0), type);
    const array updated = kv_update(buffer, random_array({2, 2, 4, 5}, 2), array(23), type, 20);
    const std::shared_ptr<OpNode> node = updated.node()->storage->producer;
    EXPECT_EQ(updated.to_vector<float>(), node->op->compose(*node)[0].to_vector<float>());
  }
}

TEST(KvCacheOps, ErrorsNameThePositions) {
  const array buffer = zeros({1, 2, 8, 4});
  const array x = zeros({1, 2, 3, 4});
  EXPECT_EQ(error_of([&] { kv_update(buffer, x, array(106), KvType::f32, 100).wait(); }),
            "[kv_update] 3 tokens at position 106 do not fit a cache that holds positions 100 to "
            "107; make room before writing");
  EXPECT_THAT(error_of([&] { kv_update(buffer, x, array(99), KvType::f32, 100).wait(); }),
              testing::HasSubstr("at position 99 do not fit"));
  EXPECT_THAT(error_of([&] { kv_update(buffer, x, array(0), KvType::int8); }),
              testing::HasSubstr("does not hold rows of 4 int8 values"));
  EXPECT_THAT(error_of([&] { kv_update(buffer, x, array(0.0F), KvType::f32); }),
              testing::HasSubstr("first must be one int32"));
  EXPECT_THAT(error_of([&] {
                kv_update(buffer, zeros({1, 2, 9, 4}), array(0), KvType::f32);
              }),
              testing::HasSubstr("9 tokens do not fit a buffer of 8"));
  const array q = zeros({1, 2, 3, 4});
  const auto attend = [&](int position) {
    scaled_dot_product_attention(q, buffer, buffer,
                                 {.key_offset = 100, .position = array(position)})
        .wait();
  };
  attend(105);
  EXPECT_THAT(error_of([&] { attend(106); }),
              testing::HasSubstr("3 queries at position 106 do not fit keys at positions 100 to"));
  EXPECT_THAT(error_of([&] { attend(99); }), testing::HasSubstr("at position 99"));
}

// A cache at full capacity reads as its filled part alone: rows behind hold anything.
TEST(KvCacheOps, AttentionSeesNoFurtherThanThePosition) {
  for (const int64_t queries : {1, 5, 60}) {
    for (const int64_t length : {60, 300, 511, 700}) {
      for (const int64_t window : {0, 40}) {
        const array q = random_array({2, 4, queries, 16}, 1);
        const array filled = random_array({2, 2, length, 16}, 2);
        const array garbage = full({2, 2, 100, 16}, array(NAN));
        const array cache = concatenate({filled, garbage}, 2);
        AttentionOptions options{.scale = 0.25F, .causal = true, .window = window};
        options.key_offset = 300;
        const array expected = scaled_dot_product_attention(q, filled, filled, options);
        options.position = array(static_cast<int>(300 + length - queries));
        const array y = scaled_dot_product_attention(q, cache, cache, options);
        EXPECT_EQ(y.to_vector<float>(), expected.to_vector<float>()) << queries << " " << length;
      }
    }
  }
}

// Every type against plain operations on the values that its rows stand for.
TEST(KvCacheOps, AttentionOnRowsMatchesItsComposition) {
  struct Shape4 {
    int64_t dim, group, queries, length, window, offset;
  };
  constexpr Shape4 shapes[] = {
      {64, 1, 1, 1, 0, 0},     {64, 4, 3, 257, 0, 0},    {80, 8, 1, 300, 0, 0},
      {128, 4, 40, 512, 0, 0}, {256, 4, 1, 700, 0, 0},   {256, 8, 7, 255, 100, 513},
      {80, 1, 50, 61, 17, 3},  {256, 4, 100, 333, 0, 0}, {64, 1, 130, 700, 90, 256},
  };
  for (const KvType type : all_types) {
    for (const Shape4& s : shapes) {
      const int64_t capacity = s.length + 37;
      const array q = random_array({1, 2 * s.group, s.queries, s.dim}, 1);
      const auto rows = [&](unsigned seed) {
        return kv_update(make_kv_buffer(type, 1, 2, capacity, s.dim),
                         random_array({1, 2, capacity, s.dim}, seed), array(0), type);
      };
      AttentionOptions options{.scale = 1.0F / std::sqrt(static_cast<float>(s.dim)),
                               .causal = true,
                               .window = s.window,
                               .kv_type = type,
                               .key_offset = s.offset};
      options.position = array(static_cast<int>(s.offset + s.length - s.queries));
      const array y = scaled_dot_product_attention(q, rows(2), rows(3), options);
      const std::shared_ptr<OpNode> node = y.node()->storage->producer;
      const std::vector<float> expected =
          swapaxes(node->op->compose(*node)[0], 1, 2).to_vector<float>();
      const std::vector<float> got = y.to_vector<float>();
      // Long prompts may round queries and weights to bfloat16: 2^-9 of values up to about 5.
      const float tolerance = type != KvType::f32 && s.queries >= 64 ? 1e-2F : 1e-5F;
      for (size_t i = 0; i < got.size(); ++i) {
        ASSERT_NEAR(got[i], expected[i], tolerance)
            << name(type) << " dim " << s.dim << " length " << s.length;
      }
    }
  }
}

TEST(KvCacheOps, AttentionAtAPositionMatchesItsComposition) {
  const array q = random_array({1, 4, 3, 16}, 1);
  const array cache = random_array({1, 2, 50, 16}, 2);
  for (const int64_t window : {0, 7}) {
    const array y = scaled_dot_product_attention(
        q, cache, cache,
        {.scale = 0.25F, .causal = true, .window = window, .key_offset = 9, .position = array(30)});
    const std::shared_ptr<OpNode> node = y.node()->storage->producer;
    const std::vector<float> expected =
        swapaxes(node->op->compose(*node)[0], 1, 2).to_vector<float>();
    const std::vector<float> got = y.to_vector<float>();
    for (size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], expected[i], 2e-6F);
  }
}

}  // namespace
}  // namespace tarn
