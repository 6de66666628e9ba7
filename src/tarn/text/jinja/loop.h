// The `loop` variable of a for statement.
#pragma once

#include <optional>
#include <vector>

#include "tarn/text/jinja/ast.h"
#include "tarn/text/jinja/operators.h"
#include "tarn/text/jinja/value.h"

namespace tarn::text::jinja {

struct Scope;

struct Loop : Shared {
  Loop(Heap* owner, const Value& iterable, const For* recursive_node, Scope* around, int level);

  bool advance(Value& out);
  const Value* peek();  // the next item; null at the end
  int64_t length();     // of an iterator: walks the rest of it and keeps the items
  // The loop ended: lets go of what loop.changed kept, which may be the loop itself.
  void finish() { changed.reset(); }

  int64_t index0 = -1;
  int depth0;
  Value current, previous;
  std::optional<std::vector<Value>> changed;
  const For* node;  // of a recursive loop, else null
  Scope* scope;     // in which the for statement stands

 private:
  Value iterable_;
  Cursor cursor_;
  std::optional<Value> after_;
  std::optional<int64_t> length_;
};

}  // namespace tarn::text::jinja
