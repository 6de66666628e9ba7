// Checked reading of a JSON object's fields. Every error names the file and the key with its path.
// A key whose value is null counts as absent, as it does in the config classes of transformers.
#pragma once

#include <fmt/core.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tarn/base/error.h"
#include "tarn/base/json.h"

namespace tarn {

class JsonFields {
 public:
  // `value` must outlive the object. ErrorCode::corrupt if it is not an object. `prefix` is the
  // path of the object, "" or "text_config.".
  JsonFields(const json& value, std::string source, std::string prefix = "");

  bool has(std::string_view key) const { return find(key) != nullptr; }
  const json* find(std::string_view key) const;  // null if absent or null

  // Values within [least, most].
  std::optional<int64_t> integer(std::string_view key, int64_t least, int64_t most) const;
  int64_t integer_or(std::string_view key, int64_t least, int64_t most, int64_t absent) const;
  std::optional<double> number(std::string_view key, double least, double most) const;
  double number_or(std::string_view key, double least, double most, double absent) const;
  std::optional<bool> boolean(std::string_view key) const;
  bool boolean_or(std::string_view key, bool absent) const;
  std::optional<std::string> text(std::string_view key) const;
  std::optional<JsonFields> object(std::string_view key) const;

  // Lists of at most `limit` values; absent gives an empty list.
  std::vector<double> numbers(std::string_view key, double least, double most, size_t limit) const;
  std::vector<int64_t> integers(std::string_view key, int64_t least, int64_t most,
                                size_t limit) const;
  std::vector<std::string> texts(std::string_view key, size_t limit) const;
  // One integer or a list of them.
  std::vector<int64_t> integer_or_list(std::string_view key, int64_t least, int64_t most,
                                       size_t limit) const;

  // fields.broken("head_dim", "is {}, which is odd", 3)
  template <typename... Args>
  [[noreturn]] void broken(std::string_view key, fmt::format_string<Args...> format,
                           Args&&... args) const {
    fail_at(ErrorCode::corrupt, key, fmt::format(format, std::forward<Args>(args)...),
            "correct the file or download it again");
  }
  [[noreturn]] void fail_at(ErrorCode code, std::string_view key, std::string_view reason,
                            std::string_view remedy) const;

  const std::string& source() const { return source_; }
  const json& value() const { return *value_; }

 private:
  int64_t to_integer(std::string_view key, const json& value, int64_t least, int64_t most) const;
  double to_number(std::string_view key, const json& value, double least, double most) const;
  const json* list(std::string_view key, size_t limit) const;

  const json* value_;
  std::string source_;
  std::string prefix_;
};

}  // namespace tarn
