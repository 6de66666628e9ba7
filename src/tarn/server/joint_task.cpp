#include "tarn/server/joint_task.h"

#include <algorithm>
#include <mutex>

namespace tarn::server {
namespace {

class Joint : public std::enable_shared_from_this<Joint> {
 public:
  Joint(Service& service, std::shared_ptr<Receiver> receiver, size_t parts)
      : service_(service), receiver_(std::move(receiver)), left_(parts) {}

  std::shared_ptr<Receiver> part(size_t first_choice);

  // Of a task that was submitted: it is cancelled at once when the others have ended already.
  void add(Engine::Id id) {
    const std::lock_guard lock(mutex_);
    ids_.push_back(id);
    if (over_) service_.engine().cancel(id);
  }

  void cancel() {
    const std::lock_guard lock(mutex_);
    cancel_all();
  }

  // A task could not be submitted. False: nothing has been sent, the caller may answer.
  bool refuse(const std::exception& error) {
    const std::lock_guard lock(mutex_);
    if (!over_ && begun_) receiver_->failed(to_api_error(error));
    const bool answered = over_ || begun_;
    over_ = true;
    cancel_all();
    return answered;
  }

  template <typename F>
  void pass(F&& f) {
    const std::lock_guard lock(mutex_);
    if (!over_) f(*receiver_);
  }

  void begin(const Usage& usage) {
    pass([&](Receiver& receiver) {
      if (!begun_) receiver.begin(usage);
      begun_ = true;
    });
  }

  void done(const Usage& usage) {
    pass([&](Receiver& receiver) {
      total_.prompt_tokens += usage.prompt_tokens;
      total_.cached_tokens += usage.cached_tokens;
      total_.completion_tokens += usage.completion_tokens;
      total_.reasoning_tokens += usage.reasoning_tokens;
      total_.prefill_seconds += usage.prefill_seconds;
      total_.decode_seconds = std::max(total_.decode_seconds, usage.decode_seconds);
      total_.decoded_tokens += usage.decoded_tokens;
      if (--left_ > 0) return;
      over_ = true;
      receiver.done(total_);
    });
  }

  void failed(const ApiError& error) {
    pass([&](Receiver& receiver) {
      over_ = true;
      receiver.failed(error);
      cancel_all();
    });
  }

 private:
  void cancel_all() {
    for (const Engine::Id id : ids_) service_.engine().cancel(id);
  }

  Service& service_;
  std::shared_ptr<Receiver> receiver_;
  std::mutex mutex_;  // what follows, and calls of the receiver
  size_t left_;
  std::vector<Engine::Id> ids_;
  Usage total_;
  bool begun_ = false;
  bool over_ = false;
};

class Part final : public Receiver {
 public:
  Part(std::shared_ptr<Joint> joint, size_t first) : joint_(std::move(joint)), first_(first) {}

  void begin(const Usage& usage) override { joint_->begin(usage); }
  void events(size_t choice, const std::vector<text::OutputEvent>& events,
              std::span<const TokenInfo> tokens) override {
    joint_->pass([&](Receiver& receiver) { receiver.events(first_ + choice, events, tokens); });
  }
  void end(size_t choice, const ChoiceEnd& end) override {
    joint_->pass([&](Receiver& receiver) { receiver.end(first_ + choice, end); });
  }
  void done(const Usage& usage) override { joint_->done(usage); }
  void failed(const ApiError& error) override { joint_->failed(error); }

 private:
  std::shared_ptr<Joint> joint_;
  const size_t first_;
};

std::shared_ptr<Receiver> Joint::part(size_t first_choice) {
  return std::make_shared<Part>(shared_from_this(), first_choice);
}

}  // namespace

void run_jointly(Service& service, std::vector<Task> tasks,
                 const std::shared_ptr<Responder>& responder, std::shared_ptr<Receiver> receiver) {
  if (tasks.size() == 1) return run(service, std::move(tasks[0]), responder, std::move(receiver));
  const auto joint = std::make_shared<Joint>(service, std::move(receiver), tasks.size());
  size_t first = 0;
  for (Task& task : tasks) {
    const size_t choices = task.choices;
    try {
      joint->add(submit(service, std::move(task), responder, joint->part(first)));
    } catch (const std::exception& error) {
      if (!joint->refuse(error)) throw;
      return;
    }
    first += choices;
  }
  // Weak: the receiver holds the responder.
  responder->watch(
      [weak = std::weak_ptr(joint)] {
        if (const auto alive = weak.lock()) alive->cancel();
      },
      [&service] { service.engine().wake(); });
}

}  // namespace tarn::server
