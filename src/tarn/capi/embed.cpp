// Embeddings.
#include "tarn/capi/border.h"
#include "tarn/capi/handles.h"
#include "tarn/lm/embedding.h"

using namespace tarn::capi;

tarn_status tarn_embed(tarn_model* model, const char* text, tarn_pooling pooling, float** values,
                       size_t* count) {
  return guard([&] {
    require(model, "model");
    require(text, "text");
    require(values, "values");
    require(count, "count");
    const int kind = number(pooling);
    if (kind != TARN_POOLING_MEAN && kind != TARN_POOLING_LAST) {
      tarn::fail(tarn::ErrorCode::invalid_argument, "pooling: {} is none of tarn_pooling's values",
                 kind);
    }
    LoadedState& state = *model->state;
    const std::vector<int32_t> tokens = state.loaded.tokenizer().encode(text, true).ids;
    tarn::check_tokens(state.loaded.model(), tokens);
    state.check_context(tokens.size());
    std::vector<float> made;
    state.engine.run([&](const tarn::Model& inner) {
      made = tarn::embed(inner, tokens,
                         kind == TARN_POOLING_LAST ? tarn::Pooling::last : tarn::Pooling::mean);
    });
    *values = static_cast<float*>(copy_bytes(made.data(), made.size() * sizeof(float)));
    *count = made.size();
  });
}
