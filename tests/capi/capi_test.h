// What the tests of the C API share: handles that free themselves, one loaded model.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "tarn.h"

namespace tarn::capi {

struct Free {
  void operator()(tarn_model* model) const { tarn_model_free(model); }
  void operator()(tarn_generation* generation) const { tarn_generation_free(generation); }
  void operator()(void* memory) const { tarn_free(memory); }
};
using ModelPtr = std::unique_ptr<tarn_model, Free>;
using GenerationPtr = std::unique_ptr<tarn_generation, Free>;

inline const std::string pebble_path = TARN_MODELS_DIR "/pebble";

inline ModelPtr load(const tarn_load_options& options) {
  tarn_model* model = nullptr;
  EXPECT_EQ(tarn_model_load(pebble_path.c_str(), &options, &model), TARN_OK) << tarn_last_error();
  return ModelPtr(model);
}

// For all tests that do not need one of their own.
inline tarn_model* pebble() {
  static const ModelPtr model = [] {
    tarn_load_options options = tarn_load_options_default();
    options.kv_type = TARN_KV_F32;
    options.cache_limit = uint64_t{256} << 20;
    return load(options);
  }();
  return model.get();
}

inline GenerationPtr new_generation(tarn_model* model = pebble()) {
  tarn_generation* generation = nullptr;
  EXPECT_EQ(tarn_generation_create(model, &generation), TARN_OK) << tarn_last_error();
  return GenerationPtr(generation);
}

inline std::string text_of(const tarn_generation* generation,
                           tarn_text_kind kind = TARN_TEXT_CONTENT) {
  const char* text = nullptr;
  size_t length = 0;
  EXPECT_EQ(tarn_generation_text(generation, kind, &text, &length), TARN_OK) << tarn_last_error();
  return text == nullptr ? "" : std::string(text, length);
}

// Of a question, answered greedily and without reasoning.
inline tarn_generate_options question(const char* messages) {
  tarn_generate_options options = tarn_generate_options_default();
  options.messages = messages;
  options.template_kwargs = "{\"enable_thinking\": false}";
  options.max_tokens = 100;
  options.temperature = 0;
  return options;
}
inline constexpr const char* sum_question = R"([{"role": "user", "content": "57 + 557 = ?"}])";

// An argument or an option is refused: the status, and a message that holds `words`.
inline void expect_refused(tarn_status status, const std::string& words,
                           tarn_status expected = TARN_INVALID_ARGUMENT) {
  EXPECT_EQ(status, expected) << tarn_last_error();
  EXPECT_THAT(tarn_last_error(), testing::HasSubstr(words));
}

}  // namespace tarn::capi
