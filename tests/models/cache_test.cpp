#include "tarn/models/cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "tarn/core/node.h"
#include "tarn/memory/pool.h"
#include "tarn/ops/creation.h"
#include "tarn/ops/kv_cache.h"
#include "tests/support/errors.h"

namespace tarn {
namespace {

constexpr int64_t kHeads = 2;
constexpr int64_t kHeadDim = 4;

// Every element of a token's key says where it belongs; `mark` tells sequences apart.
float value_at(int64_t position, int64_t head, int64_t element, float mark) {
  return static_cast<float>(position * 16 + head * kHeadDim + element) + mark;
}

// [1, kHeads, tokens, kHeadDim] for the positions from `first`.
array tokens_from(int64_t first, int64_t tokens, float mark) {
  std::vector<float> values;
  for (int64_t head = 0; head < kHeads; ++head) {
    for (int64_t position = first; position < first + tokens; ++position) {
      for (int64_t e = 0; e < kHeadDim; ++e) values.push_back(value_at(position, head, e, mark));
    }
  }
  return {values, {1, kHeads, tokens, kHeadDim}};
}

constexpr float kValueMark = 0.5F;  // of the values beside the keys

KeysAndValues append(KvCache& cache, int64_t tokens, float mark = 0) {
  const array k = tokens_from(cache.end(), tokens, mark);
  const array v = tokens_from(cache.end(), tokens, mark + kValueMark);
  const int first = static_cast<int>(cache.end());
  const KeysAndValues buffers = cache.append(k, v, array(first));
  eval({buffers.keys, buffers.values});
  EXPECT_EQ(buffers.keys.shape(2), cache.capacity());
  KeysAndValues stored = cache.contents().value();
  EXPECT_EQ(stored.offset, buffers.offset);
  return stored;
}

// What is stored are the tokens from stored.offset to `end`.
void expect_stored(const KeysAndValues& stored, int64_t end, float mark = 0) {
  const int64_t length = end - stored.offset;
  ASSERT_EQ(stored.keys.shape(), (Shape{1, kHeads, length, kHeadDim}));
  ASSERT_EQ(stored.values.shape(), stored.keys.shape());
  EXPECT_EQ(stored.keys.to_vector<float>(),
            tokens_from(stored.offset, length, mark).to_vector<float>());
  EXPECT_EQ(stored.values.to_vector<float>(),
            tokens_from(stored.offset, length, mark + kValueMark).to_vector<float>());
}

TEST(KvCache, GrowthAcrossBlocksKeepsTheValues) {
  KvCache cache;
  EXPECT_FALSE(cache.contents().has_value());
  int64_t end = 0;
  for (const int64_t tokens : {1L, 127L, 128L, 1L, 255L, KvCache::kv_block, 3L, 700L, 1L}) {
    const KeysAndValues stored = append(cache, tokens);
    end += tokens;
    ASSERT_EQ(cache.end(), end);
    ASSERT_EQ(stored.offset, 0);
    expect_stored(stored, end);
  }
  expect_stored(cache.contents().value(), end);
}

// A decode step must not copy what is there: within a block the buffer stays where it is.
TEST(KvCache, AppendsInPlaceWithinABlock) {
  KvCache cache;
  append(cache, 100);
  const auto buffer = [&] { return cache.contents()->keys.node()->storage->buffer->data(); };
  const std::byte* const at = buffer();
  for (int i = 0; i < 20; ++i) append(cache, 1);
  EXPECT_EQ(buffer(), at);
  expect_stored(cache.contents().value(), 120);
}

TEST(KvCache, WindowDropsOldKeysAndBoundsMemory) {
  constexpr int64_t window = 16;
  KvCache cache(window);
  EXPECT_EQ(cache.window(), window);
  size_t settled = 0;
  size_t most = 0;
  int64_t most_stored = 0;
  for (int64_t i = 0; i < 5000; ++i) {
    const KeysAndValues stored = append(cache, 1);
    ASSERT_EQ(cache.end(), i + 1);
    ASSERT_LE(stored.offset, std::max<int64_t>(0, i - window + 1));  // all that token i sees
    if (i % 97 == 0) expect_stored(stored, i + 1);
    most_stored = std::max(most_stored, stored.keys.shape(2));
    const size_t active = memory::stats().active;
    if (i < 1000) {
      settled = std::max(settled, active);
    } else {
      most = std::max(most, active);
    }
  }
  EXPECT_LE(most_stored, 2 * KvCache::kv_block);
  EXPECT_GT(cache.contents()->offset, 5000 - 2 * KvCache::kv_block);
  EXPECT_LE(most, settled);
}

TEST(KvCache, WindowKeepsWhatTheFirstTokenOfAChunkSees) {
  constexpr int64_t window = 16;
  KvCache cache(window);
  int64_t end = 0;
  for (const int64_t tokens : {1, 40, 300, 1, 15, 16, 17, 1, 600, 2, 256}) {
    const KeysAndValues stored = append(cache, tokens);
    ASSERT_LE(stored.offset, std::max<int64_t>(0, end - window + 1)) << end << " + " << tokens;
    end += tokens;
    expect_stored(stored, end);
  }
}

TEST(KvCache, CopiesAreIndependent) {
  for (const int64_t window : {0, 16}) {
    KvCache original(window);
    append(original, 70);
    KvCache fork = original;
    append(fork, 3, 1000);  // in the same spare room of the shared buffer
    append(original, 2, 2000);
    const auto tail = [](const KvCache& cache, int64_t tokens) {
      const std::vector<float> keys = cache.contents()->keys.to_vector<float>();
      return std::vector<float>(keys.end() - tokens * kHeadDim, keys.end());
    };
    EXPECT_EQ(fork.end(), 73);
    EXPECT_EQ(original.end(), 72);
    for (const auto& [cache, tokens, mark] :
         {std::tuple(&fork, int64_t{3}, 1000.0F), std::tuple(&original, int64_t{2}, 2000.0F)}) {
      std::vector<float> expected;
      for (int64_t p = 70; p < 70 + tokens; ++p) {
        for (int64_t e = 0; e < kHeadDim; ++e) expected.push_back(value_at(p, kHeads - 1, e, mark));
      }
      EXPECT_EQ(tail(*cache, tokens), expected);
      // Before the fork both hold the same.
      EXPECT_EQ(cache->contents()->keys.to_vector<float>()[0],
                value_at(cache->contents()->offset, 0, 0, 0));
    }
  }
}

TEST(KvCache, TrimForgetsAndWritesAgain) {
  KvCache cache;
  append(cache, 300);
  EXPECT_FALSE(cache.trim(-1));
  EXPECT_FALSE(cache.trim(301));
  EXPECT_EQ(cache.end(), 300);
  EXPECT_TRUE(cache.trim(0));
  EXPECT_TRUE(cache.trim(250));
  EXPECT_EQ(cache.end(), 50);
  expect_stored(cache.contents().value(), 50);
  expect_stored(append(cache, 10), 60);
  EXPECT_TRUE(cache.trim(60));
  EXPECT_FALSE(cache.contents().has_value());
  EXPECT_EQ(cache.end(), 0);
  expect_stored(append(cache, 5), 5);
}

TEST(KvCache, TrimOfAWindowStopsAtWhatWasDropped) {
  constexpr int64_t window = 16;
  KvCache cache(window);
  append(cache, 40);
  EXPECT_TRUE(cache.trim(30));  // nothing was dropped yet
  EXPECT_EQ(cache.end(), 10);
  for (int i = 0; i < 600; ++i) append(cache, 1);
  const int64_t start = cache.contents()->offset;
  ASSERT_GT(start, 0);
  // The next token, at end - count, sees window - 1 before itself: they must still be there.
  const int64_t possible = cache.end() + 1 - window - start;
  ASSERT_GE(possible, 0);
  EXPECT_FALSE(cache.trim(possible + 1));
  EXPECT_EQ(cache.end(), 610);
  EXPECT_TRUE(cache.trim(possible));
  EXPECT_EQ(cache.end(), 610 - possible);
  expect_stored(append(cache, 1), 611 - possible);
}

TEST(KvCache, RestoredContentsContinueAsTheOriginal) {
  for (const int64_t window : {0, 16}) {
    KvCache cache(window);
    for (const int64_t tokens : {300, 1, 290}) append(cache, tokens);
    const KeysAndValues saved = cache.contents().value();
    const array keys(saved.keys.to_vector<float>(), saved.keys.shape());
    const array values(saved.values.to_vector<float>(), saved.values.shape());
    KvCache restored(window);
    restored.restore(keys, values, saved.offset, kHeadDim, kHeadDim);
    EXPECT_EQ(restored.end(), cache.end());
    expect_stored(restored.contents().value(), cache.end());
    for (const int64_t tokens : {1, 1, 40}) {
      const KeysAndValues stored = append(restored, tokens);
      expect_stored(stored, restored.end());
    }
    // The arrays that were handed in are not written to.
    EXPECT_EQ(keys.to_vector<float>(), saved.keys.to_vector<float>());
  }
}

// What `compile` does: the same operations again, on other arrays.
TEST(KvCache, AReplayedStepIsAnAppend) {
  KvCache cache(16);
  EXPECT_FALSE(cache.fits(1));
  EXPECT_TRUE(cache.buffers().empty());
  for (int i = 0; i < 5; ++i) append(cache, 150);
  ASSERT_GT(cache.start(), 0);
  ASSERT_TRUE(cache.fits(2));
  EXPECT_FALSE(cache.fits(cache.capacity()));
  const int64_t end = cache.end();
  const std::vector<array*> buffers = cache.buffers();
  const array first(static_cast<int>(end));
  for (size_t i = 0; i < 2; ++i) {
    const array x = tokens_from(end, 2, i == 0 ? 0 : kValueMark);
    *buffers[i] = kv_update(*buffers[i], x, first, cache.type(), cache.start());
  }
  cache.advance(2);
  EXPECT_EQ(cache.end(), end + 2);
  expect_stored(cache.contents().value(), end + 2);
  expect_stored(append(cache, 1), end + 3);
  EXPECT_THAT(error_of([&] { cache.advance(cache.capacity()); }), testing::HasSubstr("do not fit"));
}

// Only one buffer is there twice while a cache grows, and none is with the length announced.
TEST(Cache, GrowsOneBufferAfterTheOther) {
  constexpr size_t layers = 8;
  const int64_t tokens = 20000;
  const size_t token_bytes = kHeads * kHeadDim * sizeof(float);
  for (const bool announced : {false, true}) {
    Cache cache(std::vector<LayerCache>(layers, KvCache()));
    if (announced) cache.expect(2 * tokens);
    for (size_t i = 0; i < layers; ++i) append(cache.kv(i), tokens);
    const std::byte* at = cache.kv(0).buffers()[0]->node()->storage->buffer->data();
    const array k = zeros({1, kHeads, tokens / 2, kHeadDim});
    eval({k});
    const memory::Stats before = memory::stats();
    memory::reset_peak();
    for (size_t i = 0; i < layers; ++i) {
      const KeysAndValues all = cache.kv(i).append(k, k, array(static_cast<int>(tokens)));
      eval({all.keys, all.values});
    }
    const memory::Stats after = memory::stats();
    const size_t buffer = static_cast<size_t>(cache.kv(0).capacity()) * token_bytes;
    EXPECT_EQ(cache.kv(0).buffers()[0]->node()->storage->buffer->data() == at, announced);
    EXPECT_LE(after.peak - std::max(after.active, before.active), buffer * 5 / 4 + 65536);
  }
}

TEST(Cache, TrimsAllLayersOrNone) {
  Cache cache({KvCache(), KvCache(16)});
  for (int i = 0; i < 600; ++i) {
    append(cache.kv(0), 1);
    append(cache.kv(1), 1);
    cache.advance(1);
  }
  EXPECT_TRUE(cache.can_trim());
  EXPECT_FALSE(cache.trim(590));  // the window's layer has forgotten
  EXPECT_EQ(cache.position(), 600);
  EXPECT_EQ(cache.kv(0).end(), 600);
  EXPECT_FALSE(cache.trim(601));
  EXPECT_TRUE(cache.trim(1));
  EXPECT_EQ(cache.position(), 599);
  EXPECT_EQ(cache.kv(0).end(), 599);
  EXPECT_EQ(cache.kv(1).end(), 599);
}

TEST(Cache, RecurrentLayersCannotTrim) {
  Cache cache({KvCache(), RecurrentCache()});
  append(cache.kv(0), 4);
  cache.advance(4);
  EXPECT_FALSE(cache.can_trim());
  EXPECT_TRUE(cache.trim(0));
  EXPECT_FALSE(cache.trim(1));
  EXPECT_EQ(cache.position(), 4);
  EXPECT_EQ(cache.kv(0).end(), 4);
}

TEST(Cache, ListsEveryArrayOnce) {
  Cache cache({KvCache(), RecurrentCache(), KvCache()});
  EXPECT_TRUE(cache.arrays().empty());
  EXPECT_EQ(cache.nbytes(), 0U);
  append(cache.kv(0), 3);
  cache.recurrent(1).state = tokens_from(0, 2, 0);
  EXPECT_EQ(cache.arrays().size(), 3U);
  EXPECT_EQ(cache.nbytes(), (2 * 3 + 2) * kHeads * kHeadDim * sizeof(float));
  const Cache copy = cache;
  append(cache.kv(0), 3);
  EXPECT_EQ(copy.nbytes(), (2 * 3 + 2) * kHeads * kHeadDim * sizeof(float));
}

}  // namespace
}  // namespace tarn
