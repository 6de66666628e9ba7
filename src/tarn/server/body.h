// Strict reading of a request's JSON body: every field is read, or named in an error.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "tarn/base/json.h"
#include "tarn/server/api_error.h"

namespace tarn::server {

// The document of a request. ApiError 400 for what is no JSON object, 415 for a form with
// parts.
ordered_json parse_body(std::string_view text, std::string_view content_type);

// A string of an object that also has fields nobody reads; empty: absent or null. ApiError 400,
// with `place` and the key as `param`, for what is no string.
std::string text_field(const ordered_json& object, std::string_view key, std::string_view place);

// One object of it. A field whose value is null counts as absent. Errors are ApiError 400 with the
// field's path as `param`.
class Body {
 public:
  // `object` must outlive this. `path` is that of the object, "" or "response_format".
  explicit Body(const ordered_json& object, std::string path = {});

  const ordered_json* find(std::string_view key);  // null: absent
  const ordered_json& require(std::string_view key);

  std::optional<double> number(std::string_view key, double least, double most);
  std::optional<int64_t> integer(std::string_view key, int64_t least, int64_t most);
  std::optional<bool> boolean(std::string_view key);
  std::optional<std::string> text(std::string_view key);
  std::string require_text(std::string_view key);
  // One of `values`.
  std::optional<std::string> choice(std::string_view key,
                                    std::initializer_list<std::string_view> values);
  // A string, or a list of at most `limit` strings.
  std::vector<std::string> texts(std::string_view key, size_t limit);
  std::optional<Body> object(std::string_view key);
  // A list; null: absent.
  const ordered_json* list(std::string_view key, size_t limit);

  // Fields that are known and change nothing here.
  void accept(std::initializer_list<std::string_view> keys);
  // Fields that are known, with the one value that Tarn can honour.
  void accept_only(std::string_view key, const ordered_json& value, std::string_view why);
  // Names the first field that nothing has read.
  void finish() const;

  std::string path(std::string_view key) const;
  [[noreturn]] void fail(std::string_view key, const std::string& message) const;
  const ordered_json& value() const { return *object_; }

 private:
  const ordered_json* object_;
  std::string path_;
  std::set<std::string, std::less<>> read_;
};

}  // namespace tarn::server
