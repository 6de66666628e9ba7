#include "tarn/models/stepper.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "tarn/base/error.h"

namespace tarn {
namespace {

class StepperOf : public ::testing::TestWithParam<const char*> {
 protected:
  static std::unique_ptr<Model> load() {
    return load_model(std::filesystem::path(TARN_TEST_DATA) / "golden" / GetParam());
  }
  // A cache behind a prompt that is different for each `seed`.
  static Cache prompted(const Model& model, int seed) {
    Cache cache = model.make_cache();
    std::vector<int32_t> prompt;
    for (int i = 0; i < 3 + seed * 5; ++i) prompt.push_back((seed * 31 + i * 7) % 50);
    Stepper(model).run(prompt, cache, LogitsFor::none);
    return cache;
  }
};

std::vector<float> rows(const array& logits, int64_t row) {
  const int64_t vocab = logits.shape(1);
  const std::vector<float> all = logits.to_vector<float>();
  return {all.begin() + row * vocab, all.begin() + (row + 1) * vocab};
}

TEST_P(StepperOf, RecordedStepsHaveTheBitsOfPlainOnes) {
  const auto model = load();
  Cache plain = prompted(*model, 1);
  Cache recorded = prompted(*model, 1);
  Stepper stepper(*model);
  // Beyond the first buffers of keys and values, which then grow.
  for (int i = 0; i < 300; ++i) {
    const int32_t token = i * 13 % 50;
    const array want = model->forward({token}, plain, LogitsFor::last_token);
    std::vector<array> all = plain.arrays();
    all.push_back(want);
    eval(all);
    const array got = stepper.run({token}, recorded, LogitsFor::last_token);
    ASSERT_EQ(got.to_vector<float>(), want.to_vector<float>()) << "token " << i;
    ASSERT_EQ(recorded.position(), plain.position());
  }
}

TEST_P(StepperOf, ASnapshotIsNotTouched) {
  const auto model = load();
  Stepper stepper(*model);
  Cache cache = prompted(*model, 2);
  stepper.run({1}, cache, LogitsFor::last_token);
  Cache snapshot = cache;
  const array first = stepper.run({5}, cache, LogitsFor::last_token);
  stepper.run({6}, cache, LogitsFor::last_token);
  const array again = stepper.run({5}, snapshot, LogitsFor::last_token);
  EXPECT_EQ(first.to_vector<float>(), again.to_vector<float>());
}

TEST_P(StepperOf, ABatchHasTheBitsOfItsSequencesAlone) {
  const auto model = load();
  Stepper together(*model);
  Stepper alone(*model);
  for (const int size : {1, 2, 3, 8, 17}) {
    std::vector<Cache> batch;
    std::vector<Cache> single;
    for (int s = 0; s < size; ++s) {
      batch.push_back(prompted(*model, s % 6));
      single.push_back(batch.back());
    }
    for (int step = 0; step < 4; ++step) {
      // Sequences leave between the steps.
      const size_t active = step < 2 ? batch.size() : (batch.size() + 1) / 2;
      std::vector<int32_t> tokens;
      std::vector<Cache*> caches;
      for (size_t s = 0; s < active; ++s) {
        tokens.push_back(static_cast<int32_t>(s * 3 + static_cast<size_t>(step)) % 50);
        caches.push_back(&batch[s]);
      }
      const array logits = together.run_batch(tokens, caches);
      ASSERT_EQ(logits.shape(0), static_cast<int64_t>(active));
      for (size_t s = 0; s < active; ++s) {
        const array want = alone.run({tokens[s]}, single[s], LogitsFor::last_token);
        ASSERT_EQ(rows(logits, static_cast<int64_t>(s)), want.to_vector<float>())
            << size << " sequences, step " << step << ", sequence " << s;
        ASSERT_EQ(batch[s].position(), single[s].position());
      }
    }
  }
}

TEST_P(StepperOf, ErrorsLeaveTheCacheWhole) {
  const auto model = load();
  Stepper stepper(*model);
  Cache cache = prompted(*model, 1);
  Cache like = cache;
  stepper.run({1}, cache, LogitsFor::last_token);
  EXPECT_THROW(stepper.run({1 << 20}, cache, LogitsFor::last_token), Error);
  Cache* twice[] = {&cache, &cache};
  const int32_t tokens[] = {1, 2};
  EXPECT_THROW(stepper.run_batch(tokens, twice), Error);
  EXPECT_THROW(stepper.run_batch({}, {}), Error);
  stepper.run({1}, like, LogitsFor::last_token);
  EXPECT_EQ(stepper.run({2}, cache, LogitsFor::last_token).to_vector<float>(),
            stepper.run({2}, like, LogitsFor::last_token).to_vector<float>());
}

INSTANTIATE_TEST_SUITE_P(Families, StepperOf,
                         ::testing::Values("llama", "mistral", "qwen3", "qwen3_5"));

}  // namespace
}  // namespace tarn
