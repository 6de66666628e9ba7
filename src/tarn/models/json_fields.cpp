#include "tarn/models/json_fields.h"

#include <limits>
#include <utility>

#include "tarn/io/quote.h"

namespace tarn {
namespace {

// "a string", "a list"; a value itself could be long and hostile.
std::string_view kind(const json& value) {
  switch (value.type()) {
    case json::value_t::null:
      return "null";
    case json::value_t::object:
      return "an object";
    case json::value_t::array:
      return "a list";
    case json::value_t::string:
      return "a string";
    case json::value_t::boolean:
      return "a boolean";
    case json::value_t::number_float:
      return "a fractional number";
    default:
      return "an integer";
  }
}

}  // namespace

JsonFields::JsonFields(const json& value, std::string source, std::string prefix)
    : value_(&value), source_(std::move(source)), prefix_(std::move(prefix)) {
  if (!value.is_object()) {
    fail(ErrorCode::corrupt, "{}: {} is {}, not an object: correct the file or download it again",
         source_, prefix_.empty() ? "the document" : quote(prefix_.substr(0, prefix_.size() - 1)),
         kind(value));
  }
}

const json* JsonFields::find(std::string_view key) const {
  const auto found = value_->find(key);
  return found == value_->end() || found->is_null() ? nullptr : &*found;
}

void JsonFields::fail_at(ErrorCode code, std::string_view key, std::string_view reason,
                         std::string_view remedy) const {
  fail(code, "{}: {} {}: {}", source_, quote(prefix_ + std::string(key)), reason, remedy);
}

int64_t JsonFields::to_integer(std::string_view key, const json& value, int64_t least,
                               int64_t most) const {
  if (!value.is_number_integer()) broken(key, "is {}, not an integer", kind(value));
  const bool huge = value.is_number_unsigned() &&
                    value.get<uint64_t>() > uint64_t{std::numeric_limits<int64_t>::max()};
  if (huge || value.get<int64_t>() < least || value.get<int64_t>() > most) {
    broken(key, "is {}, outside {} to {}", value.dump(), least, most);
  }
  return value.get<int64_t>();
}

double JsonFields::to_number(std::string_view key, const json& value, double least,
                             double most) const {
  if (!value.is_number()) broken(key, "is {}, not a number", kind(value));
  const double number = value.get<double>();
  if (!(number >= least && number <= most)) {
    broken(key, "is {}, outside {} to {}", value.dump(), least, most);
  }
  return number;
}

const json* JsonFields::list(std::string_view key, size_t limit) const {
  const json* const value = find(key);
  if (value == nullptr) return nullptr;
  if (!value->is_array()) broken(key, "is {}, not a list", kind(*value));
  if (value->size() > limit) broken(key, "has {} values, more than {}", value->size(), limit);
  return value;
}

std::optional<int64_t> JsonFields::integer(std::string_view key, int64_t least,
                                           int64_t most) const {
  const json* const value = find(key);
  if (value == nullptr) return std::nullopt;
  return to_integer(key, *value, least, most);
}

int64_t JsonFields::integer_or(std::string_view key, int64_t least, int64_t most,
                               int64_t absent) const {
  return integer(key, least, most).value_or(absent);
}

std::optional<double> JsonFields::number(std::string_view key, double least, double most) const {
  const json* const value = find(key);
  if (value == nullptr) return std::nullopt;
  return to_number(key, *value, least, most);
}

double JsonFields::number_or(std::string_view key, double least, double most, double absent) const {
  return number(key, least, most).value_or(absent);
}

std::optional<bool> JsonFields::boolean(std::string_view key) const {
  const json* const value = find(key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_boolean()) broken(key, "is {}, not true or false", kind(*value));
  return value->get<bool>();
}

bool JsonFields::boolean_or(std::string_view key, bool absent) const {
  return boolean(key).value_or(absent);
}

std::optional<std::string> JsonFields::text(std::string_view key) const {
  const json* const value = find(key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_string()) broken(key, "is {}, not a string", kind(*value));
  return value->get<std::string>();
}

std::optional<JsonFields> JsonFields::object(std::string_view key) const {
  const json* const value = find(key);
  if (value == nullptr) return std::nullopt;
  return JsonFields(*value, source_, prefix_ + std::string(key) + ".");
}

std::vector<double> JsonFields::numbers(std::string_view key, double least, double most,
                                        size_t limit) const {
  std::vector<double> result;
  if (const json* const values = list(key, limit)) {
    for (const json& value : *values) result.push_back(to_number(key, value, least, most));
  }
  return result;
}

std::vector<int64_t> JsonFields::integers(std::string_view key, int64_t least, int64_t most,
                                          size_t limit) const {
  std::vector<int64_t> result;
  if (const json* const values = list(key, limit)) {
    for (const json& value : *values) result.push_back(to_integer(key, value, least, most));
  }
  return result;
}

std::vector<std::string> JsonFields::texts(std::string_view key, size_t limit) const {
  std::vector<std::string> result;
  if (const json* const values = list(key, limit)) {
    for (const json& value : *values) {
      if (!value.is_string()) broken(key, "holds {}, not a string", kind(value));
      result.push_back(value.get<std::string>());
    }
  }
  return result;
}

std::vector<int64_t> JsonFields::integer_or_list(std::string_view key, int64_t least, int64_t most,
                                                 size_t limit) const {
  const json* const value = find(key);
  if (value == nullptr) return {};
  if (value->is_array()) return integers(key, least, most, limit);
  return {to_integer(key, *value, least, most)};
}

}  // namespace tarn
