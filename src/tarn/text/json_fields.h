// Typed reading of JSON objects; a field that is missing or of the wrong type is an error that
// names it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "tarn/base/json.h"

namespace tarn::text {

class Fields {
 public:
  // `where` opens every error message. The object is not copied.
  Fields(const json& object, std::string_view where);

  bool has(const char* key) const;  // present and not null
  const json& at(const char* key) const;
  const json& array(const char* key) const;
  std::string string(const char* key) const;
  std::string string(const char* key, std::string_view otherwise) const;
  bool boolean(const char* key) const;
  bool boolean(const char* key, bool otherwise) const;
  // A whole number in [0, limit].
  int64_t integer(const char* key, int64_t limit) const;
  int64_t integer(const char* key, int64_t limit, int64_t otherwise) const;
  // A string of exactly one character.
  char32_t character(const char* key) const;

 private:
  const json& object_;
  std::string where_;
};

// The whole number `value` in [0, limit]; `what` names it in errors.
int64_t json_integer(const json& value, int64_t limit, std::string_view where,
                     std::string_view what);
const std::string& json_string(const json& value, std::string_view where, std::string_view what);

}  // namespace tarn::text
