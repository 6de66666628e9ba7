#include "tarn/text/jinja/loop.h"

namespace tarn::text::jinja {

Loop::Loop(Heap* owner, const Value& iterable, const For* recursive_node, Scope* around, int level)
    : Shared(owner, sizeof(Loop), iterable.depth() + 1),
      depth0(level),
      node(recursive_node),
      scope(around),
      iterable_(iterable),
      cursor_(*owner, iterable) {}

bool Loop::advance(Value& out) {
  previous = current;
  if (after_) {
    out = *after_;
    after_.reset();
  } else if (!cursor_.next(out)) {
    return false;
  }
  ++index0;
  current = out;
  return true;
}

const Value* Loop::peek() {
  if (!after_) {
    Value value;
    if (!cursor_.next(value)) return nullptr;
    after_ = value;
  }
  return &*after_;
}

int64_t Loop::length() {
  if (length_) return *length_;
  if (!iterable_.is(Kind::iterator)) {
    length_ = length_of(iterable_);
    return *length_;
  }
  std::vector<Value> rest;
  for (Value item; cursor_.next(item);) {
    heap->check((rest.size() + 1) * sizeof(Value));
    rest.push_back(item);
  }
  length_ = static_cast<int64_t>(rest.size()) + index0 + 1 + (after_ ? 1 : 0);
  cursor_ = Cursor(*heap, heap->list(std::move(rest)));
  return *length_;
}

}  // namespace tarn::text::jinja
