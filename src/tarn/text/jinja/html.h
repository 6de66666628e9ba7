// MarkupSafe's rules: text marked as escaped stays so, and escapes what it is combined with.
#pragma once

#include <string>
#include <string_view>

#include "tarn/text/jinja/heap.h"
#include "tarn/text/jinja/value.h"

namespace tarn::text::jinja {

std::string escape_html(Heap& heap, std::string_view text);
// Text of a value for a place in marked text: escaped unless it is marked itself.
std::string escaped_text(Heap& heap, const Value& value);
// The right operand of `marked % values`: texts escaped, numbers as they are.
Value escaped_arguments(Heap& heap, const Value& values);
// Without tags and comments, white space collapsed, character references resolved.
std::string strip_tags(Heap& heap, std::string_view text);

}  // namespace tarn::text::jinja
