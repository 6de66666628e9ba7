// The functions every template can call: range, dict, namespace, cycler, joiner, raise_exception
// and strftime_now.
#pragma once

#include "tarn/text/jinja/interpreter.h"

namespace tarn::text::jinja {

void define_globals(Interpreter& interpreter);

}  // namespace tarn::text::jinja
