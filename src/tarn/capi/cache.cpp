// What a model remembers of prompts: forgetting, writing and reading it.
#include "tarn/capi/border.h"
#include "tarn/capi/generation.h"
#include "tarn/lm/prompt_cache.h"

using namespace tarn::capi;

tarn_status tarn_cache_clear(tarn_model* model) {
  return guard([&] {
    require(model, "model");
    model->state->engine.run([](const tarn::Model&, tarn::PrefixStore& store) { store.clear(); });
  });
}

tarn_status tarn_cache_save(const tarn_generation* generation, const char* path) {
  return guard([&] {
    require(generation, "generation");
    require(path, "path");
    const Answer& answer = generation->generation.answer();
    std::vector<int32_t> tokens = answer.prompt;
    tokens.insert(tokens.end(), answer.tokens.begin(), answer.tokens.end());
    const LoadedState& state = generation->generation.state();
    generation->generation.state().engine.run([&](const tarn::Model&, tarn::PrefixStore& store) {
      const tarn::Cache cache = store.take(tokens);
      if (cache.position() == 0) {
        tarn::fail(tarn::ErrorCode::not_found,
                   "cache: nothing is remembered of this generation; it was short or "
                   "cancelled, or others needed the room (cache_limit)");
      }
      tokens.resize(static_cast<size_t>(cache.position()));
      tarn::save_prompt_cache(path, tokens, cache, state.loaded.fingerprint());
    });
  });
}

tarn_status tarn_cache_load(tarn_model* model, const char* path, size_t* tokens) {
  return guard([&] {
    require(model, "model");
    require(path, "path");
    const LoadedState& state = *model->state;
    size_t count = 0;
    model->state->engine.run([&](const tarn::Model& inner, tarn::PrefixStore& store) {
      tarn::PromptCache read = tarn::load_prompt_cache(path, inner, state.loaded.fingerprint());
      count = read.tokens.size();
      store.keep(std::move(read.tokens), std::move(read.cache));
    });
    if (tokens != nullptr) *tokens = count;
  });
}
