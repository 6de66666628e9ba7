#include "tarn/server/body.h"

#include <algorithm>
#include <cmath>

namespace tarn::server {
namespace {

constexpr int max_depth = 64;

std::string shown(const ordered_json& value) {
  std::string text = value.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
  if (text.size() > 60) text = text.substr(0, 57) + "...";
  return text;
}

}  // namespace

ordered_json parse_body(std::string_view text, std::string_view content_type) {
  // Whoever uses curl -d says application/x-www-form-urlencoded and sends JSON: that is taken.
  if (content_type.starts_with("multipart/")) {
    throw ApiError(415, "content-type: it is multipart, and must be application/json",
                   "content-type");
  }
  if (text.empty()) throw ApiError(400, "body: it is empty, and must be a JSON object");
  ordered_json document;
  try {
    document = parse_ordered_json(text, "body", max_depth);
  } catch (const Error& error) {
    throw ApiError(400, error.what(), "", "invalid_json");
  }
  if (!document.is_object()) {
    throw ApiError(400,
                   fmt::format("body: it is {}, and must be a JSON object", document.type_name()));
  }
  return document;
}

std::string text_field(const ordered_json& object, std::string_view key, std::string_view place) {
  const auto found = object.find(std::string(key));
  if (found == object.end() || found->is_null()) return {};
  if (found->is_string()) return found->get<std::string>();
  const std::string path = fmt::format("{}.{}", place, key);
  throw ApiError(400, fmt::format("{}: it is {}, and must be a string", path, shown(*found)), path);
}

Body::Body(const ordered_json& object, std::string path)
    : object_(&object), path_(std::move(path)) {
  if (!object.is_object()) {
    throw ApiError(400, fmt::format("{}: it is {}, and must be an object", path_, shown(object)),
                   path_);
  }
}

std::string Body::path(std::string_view key) const {
  return path_.empty() ? std::string(key) : fmt::format("{}.{}", path_, key);
}

void Body::fail(std::string_view key, const std::string& message) const {
  throw ApiError(400, fmt::format("{}: {}", path(key), message), path(key));
}

const ordered_json* Body::find(std::string_view key) {
  read_.insert(std::string(key));
  const auto found = object_->find(std::string(key));
  return found == object_->end() || found->is_null() ? nullptr : &*found;
}

const ordered_json& Body::require(std::string_view key) {
  const ordered_json* value = find(key);
  if (value == nullptr) fail(key, "it is missing");
  return *value;
}

std::optional<double> Body::number(std::string_view key, double least, double most) {
  const ordered_json* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_number()) fail(key, fmt::format("it is {}, and must be a number", shown(*value)));
  const auto number = value->get<double>();
  if (!(number >= least && number <= most)) {
    fail(key, fmt::format("it is {}, and must be from {} to {}", shown(*value), least, most));
  }
  return number;
}

std::optional<int64_t> Body::integer(std::string_view key, int64_t least, int64_t most) {
  const ordered_json* value = find(key);
  if (value == nullptr) return std::nullopt;
  const bool whole = value->is_number_integer() ||
                     (value->is_number_float() && std::abs(value->get<double>()) < 1e15 &&
                      value->get<double>() == std::floor(value->get<double>()));
  if (!whole) fail(key, fmt::format("it is {}, and must be a whole number", shown(*value)));
  const bool too_large =
      value->is_number_unsigned() && value->get<uint64_t>() > static_cast<uint64_t>(most);
  const int64_t number =
      value->is_number_float() ? static_cast<int64_t>(value->get<double>()) : value->get<int64_t>();
  if (too_large || number < least || number > most) {
    fail(key, fmt::format("it is {}, and must be from {} to {}", shown(*value), least, most));
  }
  return number;
}

std::optional<bool> Body::boolean(std::string_view key) {
  const ordered_json* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_boolean()) {
    fail(key, fmt::format("it is {}, and must be true or false", shown(*value)));
  }
  return value->get<bool>();
}

std::optional<std::string> Body::text(std::string_view key) {
  const ordered_json* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_string()) fail(key, fmt::format("it is {}, and must be a string", shown(*value)));
  return value->get<std::string>();
}

std::string Body::require_text(std::string_view key) {
  require(key);
  return *text(key);
}

std::optional<std::string> Body::choice(std::string_view key,
                                        std::initializer_list<std::string_view> values) {
  auto value = text(key);
  if (!value || std::find(values.begin(), values.end(), *value) != values.end()) return value;
  std::string all;
  for (const std::string_view one : values)
    all += fmt::format("{}\"{}\"", all.empty() ? "" : ", ", one);
  fail(key, fmt::format("it is \"{}\", and must be one of {}", *value, all));
}

std::vector<std::string> Body::texts(std::string_view key, size_t limit) {
  const ordered_json* value = find(key);
  if (value == nullptr) return {};
  if (value->is_string()) return {value->get<std::string>()};
  const bool strings =
      value->is_array() &&
      std::all_of(value->begin(), value->end(), [](const auto& v) { return v.is_string(); });
  if (!strings)
    fail(key, fmt::format("it is {}, and must be a string or a list of strings", shown(*value)));
  if (value->size() > limit) {
    fail(key, fmt::format("it has {} strings, and may have {}", value->size(), limit));
  }
  return value->get<std::vector<std::string>>();
}

std::optional<Body> Body::object(std::string_view key) {
  const ordered_json* value = find(key);
  if (value == nullptr) return std::nullopt;
  return Body(*value, path(key));
}

const ordered_json* Body::list(std::string_view key, size_t limit) {
  const ordered_json* value = find(key);
  if (value == nullptr) return nullptr;
  if (!value->is_array()) fail(key, fmt::format("it is {}, and must be a list", shown(*value)));
  if (value->size() > limit) {
    fail(key, fmt::format("it has {} entries, and may have {}", value->size(), limit));
  }
  return value;
}

void Body::accept(std::initializer_list<std::string_view> keys) {
  for (const std::string_view key : keys) read_.insert(std::string(key));
}

void Body::accept_only(std::string_view key, const ordered_json& value, std::string_view why) {
  const ordered_json* given = find(key);
  if (given == nullptr || *given == value) return;
  fail(key,
       fmt::format("it is {}, and only {} is supported: {}", shown(*given), shown(value), why));
}

void Body::finish() const {
  for (const auto& [key, value] : object_->items()) {
    if (read_.contains(key)) continue;
    throw ApiError(400,
                   fmt::format("{}: this parameter is not known here, or not supported", path(key)),
                   path(key), "unknown_parameter");
  }
}

}  // namespace tarn::server
