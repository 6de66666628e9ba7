// What the handles of tarn.h stand for.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "tarn.h"
#include "tarn/capi/threads.h"
#include "tarn/lm/chat_model.h"
#include "tarn/lm/engine.h"
#include "tarn/lm/loaded_model.h"

namespace tarn::capi {

struct LoadedState {
  LoadedState(const std::filesystem::path& path, const tarn_load_options& options);

  // With a tokenizer; else an error that says what is missing.
  ChatModel& chat_model();
  // Error(invalid_argument) where so many tokens leave no room for an answer.
  void check_context(size_t tokens) const;

  ThreadsInUse threads;  // first: before anything computes
  LoadedModel loaded;
  std::optional<ChatModel> chat;  // where there is a tokenizer
  std::string name;
  int64_t context;
  Engine engine;  // last: its thread ends first
};

}  // namespace tarn::capi

struct tarn_model {
  std::shared_ptr<tarn::capi::LoadedState> state;
};
