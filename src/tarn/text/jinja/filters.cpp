#include "tarn/text/jinja/filters.h"

#include <unordered_map>

#include "tarn/text/jinja/error.h"
#include "tarn/text/jinja/operators.h"
#include "tarn/text/jinja/python_format.h"
#include "tarn/text/jinja/split.h"

namespace tarn::text::jinja {

Filter find_filter(std::string_view name) {
  static const auto* const table = [] {
    auto* filters = new std::unordered_map<std::string_view, Filter>();
    for (const FilterTable& part :
         {text_filters(), value_filters(), sequence_filters(), lazy_filters()}) {
      for (const auto& [key, filter] : part) filters->emplace(key, filter);
    }
    return filters;
  }();
  const auto found = table->find(name);
  return found == table->end() ? nullptr : found->second;
}

Value soft_text(Heap& heap, const Value& value) {
  return value.is_string() ? value : heap.text(to_str(heap, value));
}

AttributePath::AttributePath(Interpreter& interpreter, const Value* path)
    : interpreter_(&interpreter) {
  if (!path || path->is_none()) return;
  if (!path->is_string()) {
    parts_.push_back(*path);
    return;
  }
  Heap& heap = interpreter.heap();
  for (const std::string_view part : split_text(path->str(), ".", -1)) {
    const bool digits =
        !part.empty() && part.find_first_not_of("0123456789") == std::string_view::npos;
    if (digits && part.size() > 18) raise("an attribute path holds a number of too many digits");
    parts_.push_back(digits ? Value::integer(std::stoll(std::string(part)))
                            : heap.text(std::string(part)));
  }
}

Value AttributePath::get(const Value& item) const {
  Value value = item;
  for (const Value& part : parts_) {
    value = get_item(*interpreter_, value, part);
    if (!default_.is_none() && value.is_undefined()) value = default_;
  }
  return value;
}

}  // namespace tarn::text::jinja
