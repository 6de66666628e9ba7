#include "tarn/capi/generation.h"

#include "tarn/capi/border.h"

namespace tarn::capi {
namespace {

tarn_finish_reason reason_of(const AnswerEnd& end) {
  if (end.timed_out) return TARN_FINISH_TIMEOUT;
  switch (end.reason) {
    case FinishReason::stop:
      return TARN_FINISH_STOP;
    case FinishReason::length:
      return TARN_FINISH_LENGTH;
    case FinishReason::cancelled:
      break;
  }
  return TARN_FINISH_CANCELLED;
}

std::string message_of(const Answer& answer) {
  ordered_json message{{"role", "assistant"}, {"content", answer.content}};
  if (!answer.reasoning.empty()) message["reasoning_content"] = answer.reasoning;
  for (const Answer::Call& call : answer.calls) {
    message["tool_calls"].push_back(
        {{"id", call.id},
         {"type", "function"},
         {"function", {{"name", call.name}, {"arguments", call.arguments}}}});
  }
  return message.dump();
}

}  // namespace

void Generation::begin() {
  const std::lock_guard lock(mutex_);
  if (stage_ != Stage::fresh) {
    fail(ErrorCode::invalid_argument,
         "generation: it has been run already; make another one for another answer");
  }
  stage_ = Stage::running;
}

void Generation::submit(Job& job, const std::shared_ptr<TokenQueue>& queue) {
  answer_.prompt = job.request.prompt;
  const Engine::Id id = state_->engine.submit(std::move(job.request), queue);
  const std::lock_guard lock(mutex_);
  id_ = id;
  if (cancelled_) state_->engine.cancel(id);
}

void Generation::cancel() {
  const std::lock_guard lock(mutex_);
  cancelled_ = true;
  if (id_) state_->engine.cancel(*id_);
}

void Generation::stop_reading() {
  silent_ = true;
  cancel();
}

void Generation::finish() {
  {
    const std::lock_guard lock(mutex_);
    stage_ = Stage::over;
  }
  answer_.message = message_of(answer_);
}

const Answer& Generation::answer() const {
  const std::lock_guard lock(mutex_);
  if (stage_ != Stage::over) {
    fail(ErrorCode::invalid_argument, "generation: it has no answer yet; run tarn_generate first");
  }
  return answer_;
}

void Generation::deliver(const std::vector<text::OutputEvent>& events, tarn_event_callback callback,
                         void* user) {
  using Kind = text::OutputEvent::Kind;
  for (const text::OutputEvent& event : events) {
    tarn_event out{};
    out.size = sizeof(out);
    const std::string* text = &event.text;
    switch (event.kind) {
      case Kind::reasoning:
        out.kind = TARN_EVENT_REASONING;
        answer_.reasoning += event.text;
        break;
      case Kind::content:
        out.kind = TARN_EVENT_CONTENT;
        answer_.content += event.text;
        break;
      case Kind::call_begin:
        answer_.calls.push_back({event.id, event.name, ""});
        continue;
      case Kind::call_arguments:
        answer_.calls.back().arguments += event.text;
        continue;
      case Kind::call_end:
        out.kind = TARN_EVENT_TOOL_CALL;
        text = &answer_.calls.back().arguments;
        out.call_id = answer_.calls.back().id.c_str();
        out.call_name = answer_.calls.back().name.c_str();
        out.call_index = answer_.calls.size() - 1;
        break;
    }
    out.text = text->c_str();
    out.length = text->size();
    if (callback != nullptr && !silent_ && callback(&out, user) != 0) stop_reading();
  }
}

// On the caller's thread, until the engine has let go of the answer.
void Generation::read(Job& job, TokenQueue& queue, tarn_event_callback callback, void* user) {
  std::optional<text::OutputParser> parser;
  if (job.chat) {
    text::OutputOptions options;
    options.in_reasoning = job.in_reasoning;
    options.parse_tools = !job.tools.is_null();
    parser.emplace(state_->chat_model().syntax(), job.tools, options);
  }
  std::string piece;
  std::vector<text::OutputEvent> events;
  bool was_full = false;
  while (queue.take(piece, was_full)) {
    if (was_full) state_->engine.wake();
    events.clear();
    if (parser) {
      parser->push(piece, events);
    } else {
      events.push_back({text::OutputEvent::Kind::content, piece, 0, "", "", true});
    }
    deliver(events, callback, user);
  }
  events.clear();
  if (parser) parser->finish(events);
  deliver(events, callback, user);
}

tarn_result Generation::run(const tarn_generate_options& options, tarn_event_callback callback,
                            void* user) {
  begin();
  tarn_result result{};
  result.size = sizeof(result);
  try {
    Job job = read_job(*state_, options);
    const auto queue = std::make_shared<TokenQueue>();
    submit(job, queue);
    try {
      read(job, *queue, callback, user);
    } catch (...) {
      cancel();
      throw;
    }
    const AnswerEnd& end = queue->end();
    answer_.tokens = end.tokens;
    if (end.error) throw Error(*end.error);
    result.finish_reason = reason_of(end);
    result.prompt_tokens = static_cast<int64_t>(answer_.prompt.size());
    result.cached_tokens = end.cached_tokens;
    result.generated_tokens = static_cast<int64_t>(end.tokens.size());
    result.tool_calls = static_cast<int64_t>(answer_.calls.size());
    result.prefill_seconds = end.prefill_seconds;
    result.first_token_seconds = end.first_token_seconds;
    result.decode_seconds = end.decode_seconds;
  } catch (...) {
    finish();
    throw;
  }
  finish();
  return result;
}

}  // namespace tarn::capi
