#include "tarn/capi/token_queue.h"

#include <new>

namespace tarn::capi {

void TokenQueue::on_start(int64_t /*prompt_tokens*/, int64_t cached_tokens) {
  const std::lock_guard lock(mutex_);
  end_.cached_tokens = cached_tokens;
}

void TokenQueue::on_token(size_t /*choice*/, const TokenEvent& event) {
  if (event.text.empty()) return;
  {
    const std::lock_guard lock(mutex_);
    try {
      text_ += event.text;
      unread_ = text_.size();
    } catch (const std::bad_alloc&) {
      lacks_memory_ = true;
    }
  }
  changed_.notify_all();
}

void TokenQueue::on_finish(size_t /*choice*/, const Finish& finish) {
  {
    const std::lock_guard lock(mutex_);
    end_.reason = finish.reason;
    end_.timed_out = finish.timed_out;
    end_.error = finish.error;
    if (const Generated* result = finish.result) {
      end_.prefill_seconds = result->prefill_seconds;
      end_.first_token_seconds = result->first_token_seconds;
      end_.decode_seconds = result->decode_seconds;
      try {
        end_.tokens = result->tokens;
      } catch (const std::bad_alloc&) {
        lacks_memory_ = true;
      }
    }
    over_ = true;
  }
  changed_.notify_all();
}

bool TokenQueue::take(std::string& text, bool& was_full) {
  text.clear();
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return over_ || lacks_memory_ || !text_.empty(); });
  if (lacks_memory_) throw std::bad_alloc();
  if (text_.empty()) return false;
  text.swap(text_);
  unread_ = 0;
  was_full = text.size() >= most_unread;
  return true;
}

}  // namespace tarn::capi
