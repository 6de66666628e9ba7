// One JSON document a line, in and out.
#pragma once

#include <functional>
#include <iosfwd>
#include <string_view>

#include "tarn/base/json.h"

namespace tarn::cli {

// Answers every line of `in` with one line on `out`; blank lines are passed over. Whatever goes
// wrong with a line ends the work with an error that opens with `what` and the line's number.
void answer_lines(std::istream& in, std::ostream& out, std::string_view what,
                  const std::function<json(const json& request)>& answer);

// Fields of a request; absent or null gives `otherwise`, another type is an error.
bool request_flag(const json& request, const char* key, bool otherwise);

}  // namespace tarn::cli
