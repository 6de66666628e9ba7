// One answer, from the caller's options to its texts.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "tarn/capi/handles.h"
#include "tarn/capi/token_queue.h"
#include "tarn/text/chat/output_parser.h"

namespace tarn::capi {

// The options, checked, in the engine's terms.
struct Job {
  EngineRequest request;
  bool chat = false;  // the output is read for reasoning and calls
  bool in_reasoning = false;
  ordered_json tools;
};
Job read_job(LoadedState& state, const tarn_generate_options& options);

struct Answer {
  struct Call {
    std::string id;
    std::string name;
    std::string arguments;
  };
  std::string content;
  std::string reasoning;
  std::vector<Call> calls;
  std::string message;  // of these, as JSON
  std::vector<int32_t> prompt;
  std::vector<int32_t> tokens;
};

class Generation {
 public:
  explicit Generation(std::shared_ptr<LoadedState> state) : state_(std::move(state)) {}

  // Once; Error(invalid_argument) the second time. The answer is kept also when this throws.
  tarn_result run(const tarn_generate_options& options, tarn_event_callback callback, void* user);
  void cancel();

  // Error(invalid_argument) before run() and while it runs.
  const Answer& answer() const;
  LoadedState& state() const { return *state_; }

 private:
  enum class Stage { fresh, running, over };

  void begin();
  void submit(Job& job, const std::shared_ptr<TokenQueue>& queue);
  void read(Job& job, TokenQueue& queue, tarn_event_callback callback, void* user);
  void deliver(const std::vector<text::OutputEvent>& events, tarn_event_callback callback,
               void* user);
  void stop_reading();
  void finish();

  std::shared_ptr<LoadedState> state_;
  mutable std::mutex mutex_;  // of the next three
  Stage stage_ = Stage::fresh;
  bool cancelled_ = false;
  std::optional<Engine::Id> id_;
  bool silent_ = false;  // the callback wants no more
  Answer answer_;
};

}  // namespace tarn::capi

struct tarn_generation {
  tarn::capi::Generation generation;
};
