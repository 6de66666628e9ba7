// Jinja's tests: `value is NAME(args)`.
#pragma once

#include <string_view>

#include "tarn/text/jinja/arguments.h"
#include "tarn/text/jinja/interpreter.h"
#include "tarn/text/jinja/value.h"

namespace tarn::text::jinja {

using Test = bool (*)(Interpreter&, const Value& value, const Args& args);
Test find_test(std::string_view name);  // null when there is none

}  // namespace tarn::text::jinja
