#include "tarn/text/jinja/heap.h"

#include "tarn/text/jinja/error.h"
#include "tarn/text/jinja/unicode.h"

namespace tarn::text::jinja {

void Heap::out_of_steps() const {
  raise(
      "the template takes more than {} steps: it loops too long or its input is too large; "
      "simplify one of them",
      limits_.max_steps);
}

void Heap::check(size_t bytes) const {
  if (bytes > limits_.max_memory - used_) {
    raise(
        "the template's values take more than {} bytes: it repeats or collects too much; "
        "simplify it or its input",
        limits_.max_memory);
  }
}

void Heap::charge(size_t bytes) {
  check(bytes);
  used_ += bytes;
}

void Heap::check_depth(int depth) const {
  if (depth > limits_.max_value_depth) {
    raise("a value is nested deeper than {} levels: flatten the template's lists or its input",
          limits_.max_value_depth);
  }
}

Value Heap::text(std::string bytes, bool markup) {
  step(1 + bytes.size() / 64);
  return Value::shared(Kind::string, std::make_shared<Text>(this, std::move(bytes)), markup);
}

Value Heap::undefined(std::string reason) {
  step();
  return Value::shared(Kind::undefined, std::make_shared<Text>(this, std::move(reason)));
}

Value Heap::list(std::vector<Value> items) {
  step(items.size() / 8);
  return make<Sequence>(Kind::list, std::move(items), false);
}

Value Heap::tuple(std::vector<Value> items) {
  step(items.size() / 8);
  return make<Sequence>(Kind::tuple, std::move(items), false);
}

Value Heap::pair(Value first, Value second) {
  std::vector<Value> items;
  items.reserve(2);
  items.push_back(std::move(first));
  items.push_back(std::move(second));
  return tuple(std::move(items));
}

Value Heap::grouped(Value key, Value values) {
  return make<Sequence>(Kind::tuple, std::vector<Value>{std::move(key), std::move(values)}, true);
}

std::shared_ptr<Dict> Heap::new_dict() {
  step();
  return std::make_shared<Dict>(this);
}

Value Heap::dict(std::shared_ptr<Dict> dict) {
  check_depth(dict->depth);
  return Value::shared(Kind::dict, std::move(dict));
}

Value Heap::name_space(std::shared_ptr<Dict> attributes) {
  check(sizeof(Namespace));
  Namespace& object = namespaces_.emplace_back(this);
  object.attributes.entries.reserve(attributes->size());
  for (auto& [key, value] : attributes->entries) object.attributes.set(key, value);
  return Value::name_space(&object);
}

Value Heap::callable(std::string name, Callable::Function function, Value self) {
  return make<Callable>(Kind::callable, std::move(name), function, std::move(self));
}

Value Heap::iterator(const char* type, Iterator::Next next, const Value& source) {
  return make<Iterator>(Kind::iterator, type, std::move(next), source.depth() + 1);
}

void TextBuilder::append(size_t count, char c) {
  heap_.check(count);
  heap_.check(bytes_.size() + count);
  heap_.step(1 + count / 64);
  bytes_.append(count, c);
}

void TextBuilder::append_code_point(char32_t c) {
  heap_.step();
  heap_.check(bytes_.size() + 4);
  jinja::append_code_point(bytes_, c);
}

}  // namespace tarn::text::jinja
