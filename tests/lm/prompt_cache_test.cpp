#include "tarn/lm/prompt_cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "tarn/base/error.h"
#include "tarn/base/file.h"
#include "tarn/lm/generate.h"
#include "tests/io/safetensors_files.h"
#include "tests/lm/fake_model.h"

namespace tarn {
namespace {

using testing::expect_error;
using testing::FakeModel;
using testing::TemporaryFolder;

std::vector<int32_t> some_tokens(int count) {
  std::vector<int32_t> tokens;
  for (int i = 0; i < count; ++i)
    tokens.push_back((i * 29 + 3) % static_cast<int>(FakeModel::vocab));
  return tokens;
}

TEST(PromptCache, ContinuesWhereItWasSaved) {
  const TemporaryFolder folder;
  for (const bool recurrent : {false, true}) {
    const FakeModel model(recurrent);
    std::vector<int32_t> prompt = some_tokens(300);
    GenerateOptions options;
    options.max_tokens = 5;
    Cache cache = model.make_cache();
    const Generated first = generate(model, cache, prompt, options);
    prompt.insert(prompt.end(), first.tokens.begin(), first.tokens.end());
    const std::vector<int32_t> held(prompt.begin(), prompt.end() - 1);
    const auto path = folder / "prompt.safetensors";
    save_prompt_cache(path, held, cache, "abc");

    PromptCache loaded = load_prompt_cache(path, model, "abc");
    EXPECT_EQ(loaded.tokens, held);
    EXPECT_EQ(loaded.cache.position(), cache.position());
    ASSERT_EQ(loaded.cache.arrays().size(), cache.arrays().size());
    for (size_t i = 0; i < cache.arrays().size(); ++i) {
      EXPECT_EQ(loaded.cache.arrays()[i].to_vector<float>(), cache.arrays()[i].to_vector<float>());
    }
    EXPECT_EQ(generate(model, loaded.cache, prompt, options).tokens,
              generate(model, cache, prompt, options).tokens);
  }
}

TEST(PromptCache, RefusesWhatDoesNotFit) {
  const TemporaryFolder folder;
  const FakeModel model;
  const FakeModel other(true);
  Cache cache = model.make_cache();
  eval({model.forward(some_tokens(9), cache, LogitsFor::none)});
  const auto path = folder / "prompt.safetensors";
  save_prompt_cache(path, some_tokens(9), cache, "abc");
  expect_error(ErrorCode::invalid_argument, {"prompt.safetensors", "another model"},
               [&] { load_prompt_cache(path, model, "abd"); });
  expect_error(ErrorCode::corrupt, {"layers.0.conv", "missing"},
               [&] { load_prompt_cache(path, other, "abc"); });

  const std::string whole = read_file(path);
  const auto changed = [&](const std::string& from, const std::string& to) {
    std::string content = whole;
    const size_t at = content.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    content.replace(at, from.size(), to);
    testing::write(path, content);
  };
  changed("\"layers.0.offset\":\"0\"", "\"layers.0.offset\":\"7\"");
  expect_error(ErrorCode::corrupt, {"layers.0.offset"},
               [&] { load_prompt_cache(path, model, "abc"); });
  changed("tarn.prompt_cache", "tarn.prompt_cachf");
  expect_error(ErrorCode::invalid_argument, {"not a prompt cache"},
               [&] { load_prompt_cache(path, model, "abc"); });
  changed("[1,1,9,1]", "[1,9,1,1]");
  expect_error(ErrorCode::corrupt, {"was expected"},
               [&] { load_prompt_cache(path, model, "abc"); });
  testing::write(path, whole.substr(0, whole.size() - 1));
  expect_error(ErrorCode::corrupt, {}, [&] { load_prompt_cache(path, model, "abc"); });
  std::string bad_token = whole;
  bad_token[bad_token.size() - 3 * 9 * 4 + 3] = 0x10;  // the first of three tensors
  testing::write(path, bad_token);
  EXPECT_THROW(load_prompt_cache(path, model, "abc"), Error);
}

TEST(PromptCache, KeepsEveryTypeOfCache) {
  const TemporaryFolder folder;
  const auto path = folder / "prompt.safetensors";
  for (const KvType type : {KvType::f32, KvType::bf16, KvType::int8, KvType::int4}) {
    const FakeModel model(false, 1000, type);
    Cache cache = model.make_cache();
    eval({model.forward(some_tokens(300), cache, LogitsFor::none)});
    save_prompt_cache(path, some_tokens(300), cache, "abc");
    Cache loaded = load_prompt_cache(path, model, "abc").cache;
    for (Cache* each : {&cache, &loaded}) {
      eval({model.forward({5, 6}, *each, LogitsFor::none)});
      EXPECT_EQ(each->kv(0).end(), 302);
    }
    EXPECT_EQ(loaded.kv(0).floats()->keys.to_vector<float>(),
              cache.kv(0).floats()->keys.to_vector<float>());
    EXPECT_EQ(loaded.kv(0).floats()->values.to_vector<float>(),
              cache.kv(0).floats()->values.to_vector<float>());
    const FakeModel other(false, 1000, type == KvType::f32 ? KvType::int4 : KvType::f32);
    expect_error(ErrorCode::invalid_argument, {"prompt.safetensors", name(type), "--kv-type"},
                 [&] { load_prompt_cache(path, other, "abc"); });
  }
}

TEST(PromptCache, TheFingerprintFollowsConfigAndWeights) {
  const std::filesystem::path golden = std::filesystem::path(TARN_TEST_DATA) / "golden";
  EXPECT_EQ(model_fingerprint(golden / "llama"), model_fingerprint(golden / "llama"));
  EXPECT_NE(model_fingerprint(golden / "llama"), model_fingerprint(golden / "llama_linear"));
  const TemporaryFolder folder;
  testing::write(folder / "config.json", "{}");
  testing::write(folder / "model.safetensors", std::string(9000, 'a'));
  const std::string before = model_fingerprint(folder.path());
  std::string content(9000, 'a');
  content[5000] = 'b';
  testing::write(folder / "model.safetensors", content);
  EXPECT_NE(model_fingerprint(folder.path()), before);
}

}  // namespace
}  // namespace tarn
