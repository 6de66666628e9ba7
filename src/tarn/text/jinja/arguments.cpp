#include "tarn/text/jinja/arguments.h"

#include <algorithm>

#include "tarn/text/jinja/error.h"

namespace tarn::text::jinja {

const Value* Args::find(std::string_view name) const {
  for (const auto& [key, value] : named) {
    if (key == name) return &value;
  }
  return nullptr;
}

Bound::Bound(std::string_view function, const Args& args,
             std::initializer_list<const char*> parameters, size_t required)
    : function_(function), names_(parameters), values_(parameters.size(), nullptr) {
  if (args.positional.size() > names_.size()) {
    raise("{}() takes at most {} arguments ({} given)", function, names_.size(),
          args.positional.size());
  }
  for (size_t i = 0; i < args.positional.size(); ++i) values_[i] = &args.positional[i];
  for (const auto& [name, value] : args.named) {
    const auto& key = name;
    const auto found = std::find_if(names_.begin(), names_.end(),
                                    [&](const char* parameter) { return key == parameter; });
    if (found == names_.end()) {
      raise("{}() got an unexpected keyword argument '{}'", function, name);
    }
    const auto index = static_cast<size_t>(found - names_.begin());
    if (values_[index]) raise("{}() got multiple values for argument '{}'", function, name);
    values_[index] = &value;
  }
  for (size_t i = 0; i < required; ++i) {
    if (!values_[i]) raise("{}() is missing the argument '{}'", function, names_[i]);
  }
}

void Bound::wrong_type(size_t i, const char* wanted) const {
  const Value& value = *values_[i];
  if (value.is_undefined()) raise_undefined(value);
  raise("{}(): '{}' must be {}, not {}", function_, names_[i], wanted, type_name(value));
}

int64_t Bound::integer(size_t i, int64_t otherwise) const {
  if (!values_[i]) return otherwise;
  if (!values_[i]->is_integral()) wrong_type(i, "an int");
  return values_[i]->as_integer();
}

const std::string& Bound::text(size_t i) const {
  if (!values_[i]->is_string()) wrong_type(i, "a str");
  return values_[i]->str();
}

bool Bound::truth(size_t i, bool otherwise) const {
  return values_[i] ? truthy(*values_[i]) : otherwise;
}

}  // namespace tarn::text::jinja
