#include "tarn/text/json_fields.h"

#include "tarn/base/error.h"
#include "tarn/text/unicode.h"

namespace tarn::text {

Fields::Fields(const json& object, std::string_view where) : object_(object), where_(where) {
  if (!object.is_object()) {
    fail(ErrorCode::corrupt, "{}: expected an object, found {}", where, object.type_name());
  }
}

bool Fields::has(const char* key) const {
  const auto it = object_.find(key);
  return it != object_.end() && !it->is_null();
}

const json& Fields::at(const char* key) const {
  const auto it = object_.find(key);
  if (it == object_.end() || it->is_null()) {
    fail(ErrorCode::corrupt, "{}: \"{}\" is missing", where_, key);
  }
  return *it;
}

const json& Fields::array(const char* key) const {
  const json& value = at(key);
  if (!value.is_array()) {
    fail(ErrorCode::corrupt, "{}: \"{}\" must be a list, found {}", where_, key, value.type_name());
  }
  return value;
}

std::string Fields::string(const char* key) const { return json_string(at(key), where_, key); }

std::string Fields::string(const char* key, std::string_view otherwise) const {
  return has(key) ? string(key) : std::string(otherwise);
}

bool Fields::boolean(const char* key) const {
  const json& value = at(key);
  if (!value.is_boolean()) {
    fail(ErrorCode::corrupt, "{}: \"{}\" must be true or false, found {}", where_, key,
         value.type_name());
  }
  return value.get<bool>();
}

bool Fields::boolean(const char* key, bool otherwise) const {
  return has(key) ? boolean(key) : otherwise;
}

int64_t Fields::integer(const char* key, int64_t limit) const {
  return json_integer(at(key), limit, where_, key);
}

int64_t Fields::integer(const char* key, int64_t limit, int64_t otherwise) const {
  return has(key) ? integer(key, limit) : otherwise;
}

char32_t Fields::character(const char* key) const {
  const std::string value = string(key);
  size_t pos = 0;
  const char32_t c = value.empty() ? 0 : next_char(value, pos);
  if (value.empty() || pos != value.size()) {
    fail(ErrorCode::corrupt, "{}: \"{}\" must be one character, found \"{}\"", where_, key, value);
  }
  return c;
}

int64_t json_integer(const json& value, int64_t limit, std::string_view where,
                     std::string_view what) {
  const bool in_range =
      value.is_number_integer() &&
      (value.is_number_unsigned() ? value.get<uint64_t>() <= static_cast<uint64_t>(limit)
                                  : value.get<int64_t>() >= 0 && value.get<int64_t>() <= limit);
  if (!in_range) {
    fail(ErrorCode::corrupt, "{}: \"{}\" must be a whole number from 0 to {}, found {}", where,
         what, limit, value.is_structured() ? value.type_name() : value.dump());
  }
  return value.get<int64_t>();
}

const std::string& json_string(const json& value, std::string_view where, std::string_view what) {
  if (!value.is_string()) {
    fail(ErrorCode::corrupt, "{}: \"{}\" must be a string, found {}", where, what,
         value.type_name());
  }
  return value.get_ref<const std::string&>();
}

}  // namespace tarn::text
