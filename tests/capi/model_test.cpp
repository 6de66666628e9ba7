#include <cmath>
#include <cstring>
#include <filesystem>

#include "tests/capi/capi_test.h"

namespace tarn::capi {
namespace {

using testing::HasSubstr;

TEST(CapiModel, TellsItsVersions) {
  EXPECT_EQ(tarn_api_version(), TARN_API_VERSION);
  EXPECT_THAT(tarn_version(), testing::MatchesRegex("[0-9]+\\.[0-9]+\\.[0-9]+"));
}

TEST(CapiModel, NamesItsStatuses) {
  EXPECT_STREQ(tarn_status_name(TARN_OK), "ok");
  EXPECT_STREQ(tarn_status_name(TARN_INTERNAL), "internal");
  tarn_status none;
  std::memset(&none, 0x55, sizeof(none));
  EXPECT_STREQ(tarn_status_name(none), "unknown");
  std::memset(&none, 0xff, sizeof(none));
  EXPECT_STREQ(tarn_status_name(none), "unknown");
}

TEST(CapiModel, DescribesItself) {
  tarn_model_info info = tarn_model_info_default();
  ASSERT_EQ(tarn_model_get_info(pebble(), &info), TARN_OK) << tarn_last_error();
  EXPECT_STREQ(info.name, "pebble");
  EXPECT_THAT(info.architecture, HasSubstr("qwen3_5"));
  EXPECT_STREQ(info.format, "BF16");
  EXPECT_EQ(info.parameters, 11915528);
  EXPECT_GT(info.weight_bytes, 20000000U);
  EXPECT_EQ(info.context, 2048);
  EXPECT_EQ(info.vocab_size, 4096);
  EXPECT_EQ(info.embedding_size, 256);
  EXPECT_EQ(info.has_tokenizer, 1);
  EXPECT_EQ(info.has_chat_template, 1);
  EXPECT_EQ(info.size, sizeof(info));

  expect_refused(tarn_model_get_info(nullptr, &info), "model");
  expect_refused(tarn_model_get_info(pebble(), nullptr), "info");
  info.size = 9;
  expect_refused(tarn_model_get_info(pebble(), &info), "size");
}

TEST(CapiModel, LoadsByItsName) {
  tarn_model* model = nullptr;
  tarn_load_options options = tarn_load_options_default();
  options.context = 512;
  options.cache_limit = uint64_t{64} << 20;
  ASSERT_EQ(tarn_model_load("pebble", &options, &model), TARN_OK) << tarn_last_error();
  const ModelPtr owner(model);
  tarn_model_info info = tarn_model_info_default();
  ASSERT_EQ(tarn_model_get_info(model, &info), TARN_OK);
  EXPECT_EQ(info.context, 512);
}

TEST(CapiModel, RefusesWhatItCannotLoad) {
  pebble();  // the number of threads is taken
  const auto refuse = [](const char* words, auto change) {
    tarn_load_options options = tarn_load_options_default();
    change(options);
    tarn_model* model = nullptr;
    expect_refused(tarn_model_load(pebble_path.c_str(), &options, &model), words);
    EXPECT_EQ(model, nullptr);
  };
  using Options = tarn_load_options;
  refuse("threads", [](Options& o) { o.threads = -1; });
  refuse("threads", [](Options& o) { o.threads = 2000; });
  refuse("threads", [](Options& o) { o.threads = 977; });
  refuse("context", [](Options& o) { o.context = -1; });
  refuse("max_sequences", [](Options& o) { o.max_sequences = 0; });
  refuse("max_queue", [](Options& o) { o.max_queue = -1; });
  refuse("kv_type", [](Options& o) { std::memset(&o.kv_type, 0x55, sizeof(o.kv_type)); });
  refuse("size", [](Options& o) { o.size = 0; });
  refuse("newer", [](Options& o) { o.size = sizeof(o) + 1; });

  tarn_model* model = nullptr;
  expect_refused(tarn_model_load(nullptr, nullptr, &model), "path");
  expect_refused(tarn_model_load("pebble", nullptr, nullptr), "model");
  expect_refused(tarn_model_load("/no/such/model", nullptr, &model), "/no/such/model",
                 TARN_NOT_FOUND);
  expect_refused(tarn_model_load((pebble_path + "/README.md").c_str(), nullptr, &model), "GGUF",
                 TARN_UNSUPPORTED);
  tarn_model_free(nullptr);
}

// A program compiled with an older or newer header has structs of other sizes.
TEST(CapiModel, InitializersKeepToTheCallersSize) {
  struct {
    tarn_load_options options;
    unsigned char more[16];
  } newer;
  std::memset(&newer, 0xaa, sizeof(newer));
  tarn_load_options_init(&newer.options, sizeof(newer.options) + 8);
  EXPECT_EQ(newer.options.size, sizeof(newer.options) + 8);
  EXPECT_EQ(newer.options.max_sequences, 8);
  EXPECT_EQ(newer.more[0], 0);
  EXPECT_EQ(newer.more[7], 0);
  EXPECT_EQ(newer.more[8], 0xaa);

  tarn_load_options older;
  std::memset(&older, 0xaa, sizeof(older));
  tarn_load_options_init(&older, sizeof(size_t));
  EXPECT_EQ(older.size, sizeof(size_t));
  EXPECT_NE(older.threads, 0);
  tarn_load_options_init(nullptr, 100);
  tarn_load_options_init(&older, 0);
}

TEST(CapiModel, LivesAsLongAsItsGenerations) {
  tarn_load_options options = tarn_load_options_default();
  options.cache_limit = uint64_t{64} << 20;
  ModelPtr model = load(options);
  const GenerationPtr generation = new_generation(model.get());
  model.reset();
  const tarn_generate_options ask = question(sum_question);
  ASSERT_EQ(tarn_generate(generation.get(), &ask, nullptr, nullptr, nullptr), TARN_OK);
  EXPECT_EQ(text_of(generation.get()), "614");
}

TEST(CapiText, GoesToTokensAndBack) {
  int32_t* tokens = nullptr;
  size_t count = 0;
  ASSERT_EQ(tarn_tokenize(pebble(), "Grüße, 42!", 1, &tokens, &count), TARN_OK);
  const std::unique_ptr<void, Free> owner(tokens);
  ASSERT_GT(count, 0U);
  char* text = nullptr;
  size_t length = 0;
  ASSERT_EQ(tarn_detokenize(pebble(), tokens, count, 1, &text, &length), TARN_OK);
  EXPECT_STREQ(text, "Grüße, 42!");
  EXPECT_EQ(length, std::strlen(text));
  tarn_free(text);
  ASSERT_EQ(tarn_detokenize(pebble(), nullptr, 0, 1, &text, nullptr), TARN_OK);
  EXPECT_STREQ(text, "");
  tarn_free(text);
  ASSERT_EQ(tarn_tokenize(pebble(), "", 0, &tokens, &count), TARN_OK);
  EXPECT_EQ(count, 0U);
  tarn_free(tokens);
}

TEST(CapiText, RefusesWhatIsNone) {
  int32_t* tokens = nullptr;
  char* text = nullptr;
  size_t count = 0;
  expect_refused(tarn_tokenize(nullptr, "x", 0, &tokens, &count), "model");
  expect_refused(tarn_tokenize(pebble(), nullptr, 0, &tokens, &count), "text");
  expect_refused(tarn_tokenize(pebble(), "x", 0, nullptr, &count), "tokens");
  expect_refused(tarn_tokenize(pebble(), "x", 0, &tokens, nullptr), "count");
  expect_refused(tarn_tokenize(pebble(), "\xff", 0, &tokens, &count), "UTF-8");
  const int32_t none = -1;
  expect_refused(tarn_detokenize(nullptr, &none, 0, 0, &text, nullptr), "model");
  expect_refused(tarn_detokenize(pebble(), nullptr, 1, 0, &text, nullptr), "tokens");
  expect_refused(tarn_detokenize(pebble(), &none, 1, 0, &text, nullptr), "-1");
  expect_refused(tarn_detokenize(pebble(), &none, 0, 0, nullptr, nullptr), "text");
  EXPECT_EQ(tokens, nullptr);
  EXPECT_EQ(text, nullptr);
}

TEST(CapiText, AppliesTheChatTemplate) {
  char* prompt = nullptr;
  ASSERT_EQ(tarn_apply_chat_template(pebble(), sum_question, nullptr, nullptr, &prompt), TARN_OK);
  EXPECT_THAT(prompt, testing::StartsWith("<|im_start|>user\n57 + 557 = ?<|im_end|>\n"));
  tarn_free(prompt);
  prompt = nullptr;
  expect_refused(tarn_apply_chat_template(nullptr, sum_question, nullptr, nullptr, &prompt),
                 "model");
  expect_refused(tarn_apply_chat_template(pebble(), nullptr, nullptr, nullptr, &prompt),
                 "messages");
  expect_refused(tarn_apply_chat_template(pebble(), sum_question, nullptr, nullptr, nullptr),
                 "prompt");
  expect_refused(tarn_apply_chat_template(pebble(), "nonsense", nullptr, nullptr, &prompt),
                 "messages");
  EXPECT_EQ(prompt, nullptr);
}

TEST(CapiEmbed, GivesAVectorOfLengthOne) {
  for (const tarn_pooling pooling : {TARN_POOLING_MEAN, TARN_POOLING_LAST}) {
    float* values = nullptr;
    size_t count = 0;
    ASSERT_EQ(tarn_embed(pebble(), "A stone in the water", pooling, &values, &count), TARN_OK);
    ASSERT_EQ(count, 256U);
    double square = 0;
    for (size_t i = 0; i < count; ++i) square += static_cast<double>(values[i]) * values[i];
    EXPECT_NEAR(square, 1, 1e-5);  // a sum of 256 rounded floats
    tarn_free(values);
  }
  float* values = nullptr;
  size_t count = 0;
  expect_refused(tarn_embed(nullptr, "x", TARN_POOLING_MEAN, &values, &count), "model");
  expect_refused(tarn_embed(pebble(), nullptr, TARN_POOLING_MEAN, &values, &count), "text");
  expect_refused(tarn_embed(pebble(), "", TARN_POOLING_MEAN, &values, &count), "no tokens");
  expect_refused(tarn_embed(pebble(), "x", TARN_POOLING_MEAN, nullptr, &count), "values");
  expect_refused(tarn_embed(pebble(), "x", TARN_POOLING_MEAN, &values, nullptr), "count");
  tarn_pooling none;
  std::memset(&none, 0x55, sizeof(none));
  expect_refused(tarn_embed(pebble(), "x", none, &values, &count), "pooling");
}

std::string long_question() {
  std::string text = R"([{"role": "user", "content": "Sort: )";
  for (int i = 0; i < 40; ++i) text += std::to_string(97 * i % 89) + " ";
  return text + R"("}])";
}

TEST(CapiCache, IsForgottenWrittenAndRead) {
  const std::string path = testing::TempDir() + "tarn_capi_cache.safetensors";
  const std::string messages = long_question();
  const auto ask = [&](tarn_result& result) {
    GenerationPtr generation = new_generation();
    const tarn_generate_options options = question(messages.c_str());
    EXPECT_EQ(tarn_generate(generation.get(), &options, nullptr, nullptr, &result), TARN_OK);
    return generation;
  };
  tarn_result result = tarn_result_default();
  ASSERT_EQ(tarn_cache_clear(pebble()), TARN_OK);
  const GenerationPtr first = ask(result);
  EXPECT_EQ(result.cached_tokens, 0);
  ASSERT_EQ(tarn_cache_save(first.get(), path.c_str()), TARN_OK) << tarn_last_error();
  ask(result);
  EXPECT_GT(result.cached_tokens, 32);
  ASSERT_EQ(tarn_cache_clear(pebble()), TARN_OK);
  expect_refused(tarn_cache_save(first.get(), path.c_str()), "nothing is remembered",
                 TARN_NOT_FOUND);

  size_t tokens = 0;
  ASSERT_EQ(tarn_cache_load(pebble(), path.c_str(), &tokens), TARN_OK) << tarn_last_error();
  const int32_t* ids = nullptr;
  size_t count = 0;
  ASSERT_EQ(tarn_generation_tokens(first.get(), &ids, &count), TARN_OK);
  EXPECT_EQ(tokens + 1, static_cast<size_t>(result.prompt_tokens) + count);

  expect_refused(tarn_cache_save(nullptr, path.c_str()), "generation");
  expect_refused(tarn_cache_save(first.get(), nullptr), "path");
  expect_refused(tarn_cache_save(first.get(), "/no/such/folder/file"), "/no/such/folder", TARN_IO);
  expect_refused(tarn_cache_load(nullptr, path.c_str(), nullptr), "model");
  expect_refused(tarn_cache_load(pebble(), nullptr, nullptr), "path");
  EXPECT_NE(tarn_cache_load(pebble(), "/no/such/file", nullptr), TARN_OK);
  expect_refused(tarn_cache_clear(nullptr), "model");
  std::filesystem::remove(path);
}

TEST(CapiLog, TakesALevel) {
  EXPECT_EQ(tarn_set_log_level(TARN_LOG_OFF), TARN_OK);
  EXPECT_EQ(tarn_set_log_level(TARN_LOG_WARN), TARN_OK);
  tarn_log_level none;
  std::memset(&none, 0x55, sizeof(none));
  expect_refused(tarn_set_log_level(none), "level");
}

}  // namespace
}  // namespace tarn::capi
