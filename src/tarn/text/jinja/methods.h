// The attributes that Python gives its built-in types.
#pragma once

#include <initializer_list>
#include <optional>
#include <string_view>
#include <utility>

#include "tarn/text/jinja/interpreter.h"
#include "tarn/text/jinja/value.h"

namespace tarn::text::jinja {

using MethodTable = std::initializer_list<std::pair<const char*, Callable::Function>>;
MethodTable text_methods();
MethodTable text_predicates();

// getattr(object, name): a method or a property, an undefined value that fails when used for what
// the sandbox forbids, or nothing.
std::optional<Value> find_attribute(Interpreter& interpreter, const Value& object,
                                    std::string_view name);

}  // namespace tarn::text::jinja
