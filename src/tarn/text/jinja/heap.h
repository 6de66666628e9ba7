// What one rendering may spend, and where its values come from.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tarn/text/jinja/limits.h"
#include "tarn/text/jinja/value.h"

namespace tarn::text::jinja {

class Heap {
 public:
  explicit Heap(const Limits& limits) : limits_(limits), steps_left_(limits.max_steps) {}
  Heap(const Heap&) = delete;
  Heap& operator=(const Heap&) = delete;

  const Limits& limits() const { return limits_; }
  // Work done; fails when the template has used up its steps.
  void step(size_t n = 1) {
    if (n > steps_left_) out_of_steps();
    steps_left_ -= n;
  }
  // Bytes about to be taken: fails, without taking them, when they are too many.
  void check(size_t bytes) const;
  void charge(size_t bytes);
  void release(size_t bytes) noexcept { used_ -= bytes; }
  void check_depth(int depth) const;

  Value text(std::string bytes, bool markup = false);
  Value undefined(std::string reason);  // the reason is the error of whoever uses it
  Value list(std::vector<Value> items);
  Value tuple(std::vector<Value> items);
  Value pair(Value first, Value second);
  Value grouped(Value key, Value values);
  std::shared_ptr<Dict> new_dict();
  Value dict(std::shared_ptr<Dict> dict);
  Value name_space(std::shared_ptr<Dict> attributes);
  Value callable(std::string name, Callable::Function function, Value self = {});
  // `source` is what the iterator holds on to.
  Value iterator(const char* type, Iterator::Next next, const Value& source);

  template <typename T, typename... Args>
  Value make(Kind kind, Args&&... args) {
    auto object = std::make_shared<T>(this, std::forward<Args>(args)...);
    check_depth(object->depth);
    step();
    return Value::shared(kind, std::move(object));
  }

 private:
  [[noreturn]] void out_of_steps() const;

  Limits limits_;
  size_t steps_left_;
  size_t used_ = 0;
  std::deque<Namespace> namespaces_;
};

// A string under construction, whose size the heap watches.
class TextBuilder {
 public:
  explicit TextBuilder(Heap& heap) : heap_(heap) {}
  void append(std::string_view text) {
    heap_.check(bytes_.size() + text.size());
    heap_.step(1 + text.size() / 64);
    bytes_ += text;
  }
  void append(size_t count, char c);
  void append_code_point(char32_t c);
  const std::string& bytes() const { return bytes_; }
  std::string take() { return std::move(bytes_); }

 private:
  Heap& heap_;
  std::string bytes_;
};

}  // namespace tarn::text::jinja
