// Evaluation: one lock for planning, one queue for running in order.
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "tarn/core/program.h"

namespace tarn {
namespace {

// The CPU's stream. Programs run in the order in which they were planned, so a Program may read
// what an earlier one has yet to write. Whoever waits for a Program runs what stands before it: a
// synchronous eval needs no other thread than the team's.
class Stream {
 public:
  static Stream& instance() {
    static Stream& stream = *new Stream;  // never destroyed: its driver may outlive static objects
    return stream;
  }

  // Plans and enqueues; null when there is nothing to do.
  std::shared_ptr<Event> submit(const std::vector<array>& roots) {
    const std::lock_guard planning(plan_mutex_);
    std::unique_ptr<Program> program =
        Program::build(roots, default_unit(), Team::instance().members_now());
    if (!program) return nullptr;
    return enqueue(std::move(program));
  }

  std::shared_ptr<Program> plan(const std::vector<array>& roots) {
    const std::lock_guard planning(plan_mutex_);
    return Program::build(roots, default_unit(), Team::instance().members_now(), true);
  }

  std::shared_ptr<Event> enqueue(std::shared_ptr<Program> program) {
    std::shared_ptr<Event> event = program->event();
    const std::lock_guard lock(mutex_);
    queue_.push_back(std::move(program));
    return event;
  }

  // Runs queued Programs on the calling thread until `event` is set.
  void run_until(const Event& event) {
    std::unique_lock lock(mutex_);
    while (!event.done()) {
      if (running_ || queue_.empty()) {
        changed_.wait(lock);
      } else {
        run_front(lock);
      }
    }
  }

  // Lets the driver thread run what is queued.
  void start() {
    const std::lock_guard lock(mutex_);
    if (!driven_) {
      std::thread([this] { drive(); }).detach();
      driven_ = true;
    }
    changed_.notify_all();
  }

 private:
  void run_front(std::unique_lock<std::mutex>& lock) {
    std::shared_ptr<Program> program = std::move(queue_.front());
    queue_.pop_front();
    running_ = true;
    lock.unlock();
    program->run(Team::instance());
    program.reset();  // frees the graph and its memory outside the lock
    lock.lock();
    running_ = false;
    changed_.notify_all();
  }

  void drive() {
    std::unique_lock lock(mutex_);
    while (true) {
      if (running_ || queue_.empty()) {
        changed_.wait(lock);
      } else {
        run_front(lock);
      }
    }
  }

  std::mutex plan_mutex_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::shared_ptr<Program>> queue_;
  bool running_ = false;
  bool driven_ = false;  // by a thread of its own, started for the first async_eval
};

}  // namespace

void eval(const std::vector<array>& arrays) {
  Stream& stream = Stream::instance();
  if (const std::shared_ptr<Event> event = stream.submit(arrays)) stream.run_until(*event);
  for (const array& a : arrays) a.wait();
}

void async_eval(const std::vector<array>& arrays) {
  Stream& stream = Stream::instance();
  if (stream.submit(arrays)) stream.start();
}

std::shared_ptr<Program> plan_program(const std::vector<array>& roots) {
  return Stream::instance().plan(roots);
}

void run_program(const std::shared_ptr<Program>& program) {
  if (program->event()->done()) program->rearm();
  Stream& stream = Stream::instance();
  const std::shared_ptr<Event> event = stream.enqueue(program);
  stream.run_until(*event);
  if (event->error() != nullptr) std::rethrow_exception(event->error());
}

}  // namespace tarn
