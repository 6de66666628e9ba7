// The arguments of a call, and their binding to a function's parameters.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tarn/text/jinja/value.h"

namespace tarn::text::jinja {

struct Args {
  std::vector<Value> positional;
  std::vector<std::pair<std::string, Value>> named;

  const Value* find(std::string_view name) const;
};

// Arguments by parameter, as Python binds them: fails on too many, on unknown names and on missing
// required ones (the first `required`). Null: not given.
class Bound {
 public:
  Bound(std::string_view function, const Args& args, std::initializer_list<const char*> parameters,
        size_t required = 0);

  const Value* operator[](size_t i) const { return values_[i]; }
  bool given(size_t i) const { return values_[i] != nullptr; }
  // Not given or None.
  bool absent(size_t i) const { return !values_[i] || values_[i]->is_none(); }
  // The argument in the type that the function needs; other types fail.
  int64_t integer(size_t i, int64_t otherwise) const;
  const std::string& text(size_t i) const;  // which must be given
  bool truth(size_t i, bool otherwise) const;

 private:
  [[noreturn]] void wrong_type(size_t i, const char* wanted) const;

  std::string_view function_;
  std::vector<const char*> names_;
  std::vector<const Value*> values_;
};

}  // namespace tarn::text::jinja
