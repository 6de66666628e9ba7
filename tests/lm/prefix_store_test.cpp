#include "tarn/lm/prefix_store.h"

#include <gtest/gtest.h>

#include <fstream>
#include <numeric>

#include "tarn/lm/prefix_files.h"
#include "tests/io/safetensors_files.h"

namespace tarn {
namespace {

using testing::TemporaryFolder;

// Its caches can be cut to any length.
const Model& attention_model() {
  static const auto model = load_model(TARN_TEST_DATA "/golden/qwen3");
  return *model;
}
// Its caches cannot.
const Model& recurrent_model() {
  static const auto model = load_model(TARN_TEST_DATA "/golden/qwen3_5");
  return *model;
}

std::vector<int32_t> tokens_from(int32_t first, size_t count) {
  std::vector<int32_t> tokens(count);
  std::iota(tokens.begin(), tokens.end(), first);
  for (int32_t& token : tokens) token = 5 + token % 400;
  return tokens;
}

std::vector<int32_t> joined(std::vector<int32_t> a, const std::vector<int32_t>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

Cache cache_of(const Model& model, const std::vector<int32_t>& tokens) {
  Cache cache = model.make_cache();
  model.forward(tokens, cache, LogitsFor::last_token).to_vector<float>();
  eval(cache.arrays());
  return cache;
}

std::vector<float> next_logits(const Model& model, Cache cache, int32_t token) {
  return model.forward({token}, cache, LogitsFor::last_token).to_vector<float>();
}

TEST(PrefixStore, FindsTheLongestCommonBeginning) {
  const Model& model = attention_model();
  PrefixStore store(model);
  const auto a = tokens_from(0, 100), b = tokens_from(200, 60);
  store.keep(joined(a, b), cache_of(model, joined(a, b)));
  store.keep(b, cache_of(model, b));
  Cache found = store.take(joined(a, tokens_from(350, 50)));
  EXPECT_EQ(found.position(), 100);
  EXPECT_EQ(next_logits(model, found, 7), next_logits(model, cache_of(model, a), 7));
  EXPECT_EQ(store.take(b).position(), 59) << "the last token has to be run";
  EXPECT_EQ(store.take(tokens_from(390, 90)).position(), 0);
  EXPECT_EQ(store.stats().lookups, 3U);
  EXPECT_EQ(store.stats().hits, 2U);
  EXPECT_EQ(store.stats().cached_tokens, 159U);
}

TEST(PrefixStore, EntriesStayAsTheyAreWhenTheirCopiesGoOn) {
  const Model& model = attention_model();
  PrefixStore store(model);
  const auto a = tokens_from(0, 64);
  store.keep(a, cache_of(model, a));
  const auto prompt = joined(a, {9});
  Cache one = store.take(prompt);
  const std::vector<float> first = next_logits(model, one, 9);
  for (int32_t token = 20; token < 40; ++token) {
    model.forward({token}, one, LogitsFor::last_token).to_vector<float>();
  }
  EXPECT_EQ(next_logits(model, store.take(prompt), 9), first);
}

TEST(PrefixStore, StatesThatCannotBeCutServeTheirWholeLength) {
  const Model& model = recurrent_model();
  PrefixStore store(model);
  const auto a = tokens_from(0, 64);
  store.keep(a, cache_of(model, a));
  EXPECT_EQ(store.take(joined(a, {9})).position(), 64);
  EXPECT_EQ(store.take(joined(tokens_from(0, 63), {9, 9})).position(), 0);
}

TEST(PrefixStore, ABranchIsWhereAPromptLeavesAnEntry) {
  const auto a = tokens_from(0, 200), other = tokens_from(300, 50);
  const std::vector<int32_t> shared(a.begin(), a.begin() + 150);
  PrefixStore store(recurrent_model());
  EXPECT_EQ(store.branch(a), 0);
  store.keep(a, cache_of(recurrent_model(), a));
  EXPECT_EQ(store.take(joined(shared, other)).position(), 0);
  EXPECT_EQ(store.branch(joined(shared, other)), 128) << "whole units of 64";
  EXPECT_EQ(store.branch(other), 0);
  EXPECT_EQ(store.branch({a.begin(), a.begin() + 129}), 128);
  EXPECT_EQ(store.branch({a.begin(), a.begin() + 128}), 64) << "the last token has to be run";

  PrefixStore cut(attention_model());
  cut.keep(a, cache_of(attention_model(), a));
  EXPECT_EQ(cut.branch(joined(shared, other)), 0) << "take() serves it";
}

TEST(PrefixStore, WhatAnotherHoldsIsKeptOnce) {
  const Model& model = attention_model();
  PrefixStore store(model);
  const auto a = tokens_from(0, 64), longer = joined(a, tokens_from(100, 40));
  store.keep(a, cache_of(model, a));
  store.keep(longer, cache_of(model, longer));
  EXPECT_EQ(store.stats().entries, 1U);
  store.keep(a, cache_of(model, a));
  EXPECT_EQ(store.stats().entries, 1U);
  store.keep(tokens_from(0, 5), cache_of(model, tokens_from(0, 5)));
  EXPECT_EQ(store.stats().entries, 1U) << "shorter than a block";
}

TEST(PrefixStore, TheLeastRecentlyUsedGoFirst) {
  const Model& model = attention_model();
  PrefixStore store(model);
  const auto a = tokens_from(0, 64), b = tokens_from(100, 64), c = tokens_from(200, 64);
  for (const auto& one : {a, b, c}) store.keep(one, cache_of(model, one));
  store.take(joined(a, {9}));
  store.shrink(store.bytes() - 1);
  EXPECT_EQ(store.take(joined(b, {9})).position(), 0);
  EXPECT_EQ(store.take(joined(a, {9})).position(), 64);
  EXPECT_EQ(store.take(joined(c, {9})).position(), 64);
  EXPECT_EQ(store.stats().evictions, 1U);
  store.clear();
  EXPECT_EQ(store.bytes(), 0U);
}

class PrefixFilesOf : public ::testing::TestWithParam<const char*> {};

TEST_P(PrefixFilesOf, GoOnWhereTheyWere) {
  const auto model = load_model(std::string(TARN_TEST_DATA "/golden/") + GetParam());
  const TemporaryFolder folder;
  const auto a = tokens_from(0, 70), b = tokens_from(100, 64);
  {
    PrefixStore store(*model);
    store.keep(a, cache_of(*model, a));
    store.keep(b, cache_of(*model, b));
    EXPECT_EQ(save_prefixes(store, folder / "caches", "m", 1U << 30).files, 2U);
  }
  PrefixStore store(*model);
  EXPECT_EQ(load_prefixes(store, *model, folder / "caches", "m", 1U << 30).files, 2U);
  Cache found = store.take(joined(a, {9}));
  EXPECT_EQ(found.position(), 70);
  EXPECT_EQ(next_logits(*model, found, 9), next_logits(*model, cache_of(*model, a), 9));
  EXPECT_EQ(store.take(joined(b, {9})).position(), 64);
}

INSTANTIATE_TEST_SUITE_P(Models, PrefixFilesOf, ::testing::Values("qwen3", "qwen3_5"));

TEST(PrefixFiles, BrokenFilesAndThoseOfOthersAreLeftAlone) {
  const Model& model = attention_model();
  const TemporaryFolder folder;
  const auto a = tokens_from(0, 70);
  PrefixStore store(model);
  store.keep(a, cache_of(model, a));
  save_prefixes(store, folder.path(), "m", 1U << 30);
  save_prefixes(store, folder.path(), "another model", 1U << 30);
  std::ofstream(folder / "prefix-0000000000000000.tarn") << "no cache";
  std::ofstream(folder / "prefix-1111111111111111.tarn.tmp") << "cut off by kill -9";
  std::ofstream(folder / "letter.txt") << "not ours";
  PrefixStore fresh(model);
  EXPECT_EQ(load_prefixes(fresh, model, folder.path(), "m", 1U << 30).files, 1U);
  EXPECT_TRUE(std::filesystem::exists(folder / "prefix-0000000000000000.tarn"));
  EXPECT_FALSE(std::filesystem::exists(folder / "prefix-1111111111111111.tarn.tmp"));
  EXPECT_TRUE(std::filesystem::exists(folder / "letter.txt"));
}

TEST(PrefixFiles, TheOldestGoWhenTheFolderIsFull) {
  const Model& model = attention_model();
  const TemporaryFolder folder;
  PrefixStore store(model);
  for (int32_t first : {0, 100, 200, 300}) {
    const auto tokens = tokens_from(first, 64);
    store.keep(tokens, cache_of(model, tokens));
  }
  const PrefixFiles all = save_prefixes(store, folder.path(), "m", 1U << 30);
  EXPECT_EQ(all.files, 4U);
  save_prefixes(store, folder.path(), "m", all.bytes / 2);
  size_t left = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder.path()))
    ++left;
  EXPECT_LE(left, 2U);
  EXPECT_GE(left, 1U);
}

TEST(PrefixFiles, AFolderThatCannotBeWrittenIsNoEnd) {
  const Model& model = attention_model();
  const TemporaryFolder folder;
  std::ofstream(folder / "file") << "in the way";
  PrefixStore store(model);
  const auto a = tokens_from(0, 70);
  store.keep(a, cache_of(model, a));
  EXPECT_EQ(save_prefixes(store, folder / "file", "m", 1U << 30).files, 0U);
  EXPECT_EQ(load_prefixes(store, model, folder / "nowhere", "m", 1U << 30).files, 0U);
}

}  // namespace
}  // namespace tarn
