// Dense weights are used where the file's mapping has them: loading copies only what it converts.
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "tarn/io/checkpoint.h"
#include "tarn/memory/pool.h"
#include "tarn/models/model.h"

namespace tarn {
namespace {

class ModelMemory : public testing::TestWithParam<const char*> {
 protected:
  std::filesystem::path folder() const {
    return std::filesystem::path(TARN_TEST_DATA) / "golden" / GetParam();
  }
};

TEST_P(ModelMemory, DenseWeightsAreUsedInPlace) {
  size_t file_bytes = 0;
  size_t matrix_bytes = 0;
  {
    const Checkpoint checkpoint = Checkpoint::open(folder());
    for (const TensorInfo* info : checkpoint.tensors()) {
      file_bytes += info->bytes.size();
      // Convolutions are small and get turned to lie tap by tap.
      if (info->shape.size() == 2) matrix_bytes += info->bytes.size();
    }
  }
  const memory::Stats before = memory::stats();
  const auto model = load_model(folder());
  const memory::Stats loaded = memory::stats();
  EXPECT_GE(loaded.borrowed - before.borrowed, matrix_bytes);
  // Norms and other vectors, which become float32.
  EXPECT_GT(loaded.copied, before.copied);
  EXPECT_LT(static_cast<double>(loaded.copied - before.copied),
            0.02 * static_cast<double>(file_bytes));
  EXPECT_LT(static_cast<double>(loaded.active - before.active),
            0.05 * static_cast<double>(file_bytes));

  // Running packs nothing either.
  {
    Cache cache = model->make_cache();
    model->forward({1, 2, 3, 4, 5}, cache, LogitsFor::all_tokens).wait();
    model->forward({6}, cache, LogitsFor::last_token).wait();
  }
  EXPECT_EQ(memory::stats().copied, loaded.copied);
}

TEST_P(ModelMemory, AModelGivesItsMemoryBack) {
  const memory::Stats before = memory::stats();
  {
    const auto model = load_model(folder());
    EXPECT_GT(memory::stats().borrowed, before.borrowed);
  }
  EXPECT_EQ(memory::stats().borrowed, before.borrowed);
  EXPECT_EQ(memory::stats().active, before.active);
}

INSTANTIATE_TEST_SUITE_P(Families, ModelMemory,
                         testing::Values("llama", "llama_linear", "mistral", "qwen2", "qwen3",
                                         "qwen3_5"),
                         [](const auto& family) { return std::string(family.param); });

}  // namespace
}  // namespace tarn
