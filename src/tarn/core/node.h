// The insides of `array`, for the core and for kernels' adaptors only.
#pragma once

#include <atomic>
#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>

#include "tarn/core/op.h"
#include "tarn/memory/pool.h"

namespace tarn {

// Set once, when a Program has run. An error counts for the steps that failed and for those that
// read their results; the others' results are good.
class Event {
 public:
  // failed_steps: by step of the Program; empty with an error: all of them.
  void set(std::exception_ptr error, std::vector<bool> failed_steps = {});
  bool done() const { return done_.load(std::memory_order_acquire); }
  void wait(int step);  // until done; throws the error if that step failed
  bool failed(int step) const;
  std::exception_ptr error() const { return error_; }

 private:
  std::atomic<bool> done_{false};
  std::mutex mutex_;
  std::condition_variable changed_;
  std::exception_ptr error_;
  std::vector<bool> failed_steps_;
};

// The bytes behind one or more arrays. Either `producer` is set (still a promise), or `buffer` is;
// with `ready` set the bytes may still be on their way. Changes happen under the evaluation lock.
struct Storage {
  std::shared_ptr<memory::Buffer> buffer;
  std::shared_ptr<OpNode> producer;
  int output_index = 0;
  std::shared_ptr<Event> ready;
  int step = 0;                        // of the Program behind `ready`
  std::atomic<bool> scheduled{false};  // `buffer` and `ready` may be read without the lock
  bool donated = false;                // input of a recorded Program that it may overwrite

  // Scratch of the Program builder, guarded by the evaluation lock.
  uint64_t plan_id = 0;
  int plan_nodes = 0;  // arrays of the graph that look at this storage
  int last_step = -1;  // the last step that reads it
  bool held_outside = false;
};

struct Node {
  Dtype dtype;
  Shape shape;
  Strides strides;     // in elements
  int64_t offset = 0;  // in bytes
  bool contiguous = true;
  std::shared_ptr<Storage> storage;

  uint64_t plan_id = 0;  // scratch of the Program builder
  int plan_uses = 0;     // references from operations of the graph
};

}  // namespace tarn
