// From the engine's thread to the caller's: the text of one answer, while it grows, and its end.
#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "tarn/lm/engine.h"

namespace tarn::capi {

// How an answer ended.
struct AnswerEnd {
  FinishReason reason = FinishReason::cancelled;
  bool timed_out = false;
  std::optional<Error> error;
  std::vector<int32_t> tokens;
  int64_t cached_tokens = 0;
  double prefill_seconds = 0;
  double first_token_seconds = 0;
  double decode_seconds = 0;
};

class TokenQueue final : public Listener {
 public:
  // The engine's side. Lack of memory is kept for the other side.
  void on_start(int64_t prompt_tokens, int64_t cached_tokens) override;
  void on_token(size_t choice, const TokenEvent& event) override;
  void on_finish(size_t choice, const Finish& finish) override;
  bool ready() override { return unread_ < most_unread; }

  // The caller's side: waits for text and puts it into `text`. False: there is no more, and end()
  // may be read. Sets `was_full` when the answer may be paused: wake the engine.
  bool take(std::string& text, bool& was_full);
  const AnswerEnd& end() const { return end_; }

 private:
  // What a callback may leave behind before its answer pauses.
  static constexpr size_t most_unread = 64 * 1024;

  std::atomic<size_t> unread_{0};
  std::mutex mutex_;
  std::condition_variable changed_;
  std::string text_;
  bool lacks_memory_ = false;
  bool over_ = false;
  AnswerEnd end_;
};

}  // namespace tarn::capi
