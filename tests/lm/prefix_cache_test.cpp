#include "tarn/lm/prefix_cache.h"

#include <gtest/gtest.h>

#include "tarn/lm/generate.h"
#include "tests/io/safetensors_files.h"
#include "tests/lm/fake_model.h"

namespace tarn {
namespace {

using testing::FakeModel;

std::vector<int32_t> numbers(int from, int to) {
  std::vector<int32_t> tokens;
  for (int i = from; i < to; ++i) tokens.push_back(i % 64);
  return tokens;
}

std::vector<int32_t> joined(std::vector<int32_t> a, const std::vector<int32_t>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

struct Turn {
  int64_t cached;
  std::vector<int32_t> tokens;
};

Turn run(const FakeModel& model, PrefixCache& store, const std::vector<int32_t>& prompt,
         std::vector<int64_t> snapshots) {
  Cache cache = store.take(prompt);
  GenerateOptions options;
  options.max_tokens = 4;
  options.snapshots = std::move(snapshots);
  Generated result = generate(model, cache, prompt, options);
  const Turn turn{result.cached_tokens, result.tokens};
  std::vector<int32_t> all = joined(prompt, result.tokens);
  all.resize(static_cast<size_t>(cache.position()));
  store.keep(all, std::move(cache), std::move(result.snapshots));
  return turn;
}

std::vector<int32_t> fresh(const FakeModel& model, const std::vector<int32_t>& prompt) {
  PrefixCache store(model);
  return run(model, store, prompt, {}).tokens;
}

TEST(PrefixCache, ComesBackToTheCommonPrefix) {
  for (const bool recurrent : {false, true}) {
    const FakeModel model(recurrent);
    PrefixCache store(model);
    EXPECT_EQ(store.trims(), !recurrent);
    const std::vector<int32_t> prompt = numbers(0, 50);
    const Turn first = run(model, store, prompt, {45});
    EXPECT_EQ(first.cached, 0);

    // All of the first turn is there again: its last token was never run.
    const std::vector<int32_t> second = joined(joined(prompt, first.tokens), numbers(3, 13));
    Turn turn = run(model, store, second, {60});
    EXPECT_EQ(turn.cached, 53);
    EXPECT_EQ(turn.tokens, fresh(model, second));

    // The answer reads differently now.
    const std::vector<int32_t> third = joined(numbers(0, 48), {9, 9, 9});
    turn = run(model, store, third, {});
    EXPECT_EQ(turn.cached, recurrent ? 45 : 48);
    EXPECT_EQ(turn.tokens, fresh(model, third));

    // The same prompt again: its last token must be run.
    turn = run(model, store, third, {});
    EXPECT_EQ(turn.cached, recurrent ? 45 : 50);
    EXPECT_EQ(turn.tokens, fresh(model, third));

    turn = run(model, store, numbers(7, 20), {});
    EXPECT_EQ(turn.cached, 0);
    EXPECT_EQ(turn.tokens, fresh(model, numbers(7, 20)));
  }
}

TEST(PrefixCache, SurvivesOnDisk) {
  for (const bool recurrent : {false, true}) {
    const testing::TemporaryFolder folder;
    const FakeModel model(recurrent);
    PrefixCache store(model);
    store.save(folder / "none.safetensors", "id");
    EXPECT_FALSE(std::filesystem::exists(folder / "none.safetensors"));
    run(model, store, numbers(0, 30), {25});
    store.save(folder / "cache.safetensors", "id");

    PrefixCache loaded(model);
    loaded.load(folder / "cache.safetensors", "id");
    for (int i = 0; i < 2; ++i) {
      const Turn turn = run(model, loaded, numbers(0, 30), {});
      EXPECT_EQ(turn.cached, recurrent ? 25 : 29);
      EXPECT_EQ(turn.tokens, fresh(model, numbers(0, 30)));
    }
  }
}

}  // namespace
}  // namespace tarn
