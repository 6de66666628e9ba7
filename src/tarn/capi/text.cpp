// Text to tokens and back, and conversations to prompts.
#include "tarn/capi/border.h"
#include "tarn/capi/conversation.h"
#include "tarn/capi/handles.h"

using namespace tarn::capi;

tarn_status tarn_tokenize(const tarn_model* model, const char* text, int32_t add_special_tokens,
                          int32_t** tokens, size_t* count) {
  return guard([&] {
    require(model, "model");
    require(text, "text");
    require(tokens, "tokens");
    require(count, "count");
    const auto ids = model->state->loaded.tokenizer().encode(text, add_special_tokens != 0).ids;
    *tokens = static_cast<int32_t*>(copy_bytes(ids.data(), ids.size() * sizeof(int32_t)));
    *count = ids.size();
  });
}

tarn_status tarn_detokenize(const tarn_model* model, const int32_t* tokens, size_t count,
                            int32_t skip_special_tokens, char** text, size_t* length) {
  return guard([&] {
    require(model, "model");
    if (count > 0) require(tokens, "tokens");
    require(text, "text");
    const tarn::LoadedModel& loaded = model->state->loaded;
    if (count > 0) tarn::check_tokens(loaded.model(), {tokens, tokens + count});
    const std::string decoded =
        loaded.tokenizer().decode({tokens, count}, skip_special_tokens != 0);
    *text = copy_text(decoded);
    if (length != nullptr) *length = decoded.size();
  });
}

tarn_status tarn_apply_chat_template(const tarn_model* model, const char* messages,
                                     const char* tools, const char* template_kwargs,
                                     char** prompt) {
  return guard([&] {
    require(model, "model");
    require(messages, "messages");
    require(prompt, "prompt");
    LoadedState& state = *model->state;
    const tarn::Conversation conversation = read_conversation(messages, tools, template_kwargs);
    *prompt = copy_text(tarn::chat_prompt_text(state.chat_model(), conversation));
  });
}
