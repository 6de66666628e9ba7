// A token's logits depend on what stands before it, not on how many tokens run with it.
#include <gtest/gtest.h>

#include <filesystem>

#include "tarn/models/model.h"

namespace tarn {
namespace {

std::vector<float> logits_of(const Model& model, const std::vector<int32_t>& tokens) {
  Cache cache = model.make_cache();
  const array logits = model.forward(tokens, cache, LogitsFor::all_tokens);
  std::vector<array> wanted = cache.arrays();
  wanted.push_back(logits);
  eval(wanted);
  return logits.to_vector<float>();
}

// Lengths that equal extents of the model (16, 32: heads; 64: hidden) are among them: buffers and
// layouts of different things then have the same size.
TEST(Lengths, APrefixHasTheSameBits) {
  for (const char* family : {"llama", "qwen3", "qwen3_5"}) {
    LoadOptions options;
    options.exact = true;
    const auto model =
        load_model(std::filesystem::path(TARN_TEST_DATA) / "golden" / family, options);
    std::vector<int32_t> tokens;
    for (int i = 0; i < 80; ++i) tokens.push_back((i * 37 + 11) % 500);
    const std::vector<float> whole = logits_of(*model, tokens);
    for (const int64_t length : {1, 2, 4, 8, 15, 16, 17, 31, 32, 33, 48, 63, 64, 65}) {
      const std::vector<float> part = logits_of(*model, {tokens.begin(), tokens.begin() + length});
      EXPECT_TRUE(std::equal(part.begin(), part.end(), whole.begin())) << family << " " << length;
    }
  }
}

}  // namespace
}  // namespace tarn
