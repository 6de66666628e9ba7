// tarn_generation_... and tarn_generate: the C functions around capi/generation.h.
#include <new>

#include "tarn/capi/border.h"
#include "tarn/capi/generation.h"

using namespace tarn::capi;

namespace {

constexpr tarn_generate_options generate_defaults{.size = sizeof(tarn_generate_options),
                                                  .messages = nullptr,
                                                  .tools = nullptr,
                                                  .template_kwargs = nullptr,
                                                  .prompt = nullptr,
                                                  .tokens = nullptr,
                                                  .num_tokens = 0,
                                                  .max_tokens = -1,
                                                  .timeout = 0,
                                                  .stop = nullptr,
                                                  .num_stop = 0,
                                                  .ignore_end = 0,
                                                  .temperature = -1,
                                                  .top_p = -1,
                                                  .min_p = -1,
                                                  .top_k = -1,
                                                  .repetition_penalty = -1,
                                                  .frequency_penalty = 0,
                                                  .presence_penalty = 0,
                                                  .seed = -1,
                                                  .constraint = TARN_CONSTRAINT_NONE,
                                                  .constraint_text = nullptr};

}  // namespace

void tarn_generate_options_init(tarn_generate_options* options, size_t size) {
  init(options, size, generate_defaults);
}

void tarn_result_init(tarn_result* result, size_t size) { init(result, size, tarn_result{}); }

tarn_status tarn_generation_create(tarn_model* model, tarn_generation** generation) {
  return guard([&] {
    require(model, "model");
    require(generation, "generation");
    *generation = new tarn_generation{Generation(model->state)};
  });
}

void tarn_generation_free(tarn_generation* generation) { delete generation; }

tarn_status tarn_generate(tarn_generation* generation, const tarn_generate_options* options,
                          tarn_event_callback callback, void* user, tarn_result* result) {
  return guard([&] {
    require(generation, "generation");
    require(options, "options");
    const tarn_generate_options all = over_defaults(
        options, generate_defaults, sizeof(tarn_generate_options), "tarn_generate_options");
    // Before the work, so that none is lost.
    if (result != nullptr) {
      check_size(result->size, sizeof(tarn_result), sizeof(tarn_result), "tarn_result");
    }
    const tarn_result made = generation->generation.run(all, callback, user);
    if (result != nullptr) fill(result, made, sizeof(tarn_result), "tarn_result");
  });
}

void tarn_cancel(tarn_generation* generation) {
  if (generation == nullptr) return;
  guard([&] { generation->generation.cancel(); });
}

tarn_status tarn_generation_text(const tarn_generation* generation, tarn_text_kind kind,
                                 const char** text, size_t* length) {
  return guard([&] {
    require(generation, "generation");
    require(text, "text");
    const Answer& answer = generation->generation.answer();
    const std::string* found = nullptr;
    switch (number(kind)) {
      case TARN_TEXT_CONTENT:
        found = &answer.content;
        break;
      case TARN_TEXT_REASONING:
        found = &answer.reasoning;
        break;
      case TARN_TEXT_MESSAGE:
        found = &answer.message;
        break;
      default:
        tarn::fail(tarn::ErrorCode::invalid_argument, "kind: {} is none of tarn_text_kind's values",
                   number(kind));
    }
    *text = found->c_str();
    if (length != nullptr) *length = found->size();
  });
}

tarn_status tarn_generation_tokens(const tarn_generation* generation, const int32_t** tokens,
                                   size_t* count) {
  return guard([&] {
    require(generation, "generation");
    require(tokens, "tokens");
    require(count, "count");
    const Answer& answer = generation->generation.answer();
    *tokens = answer.tokens.data();
    *count = answer.tokens.size();
  });
}
