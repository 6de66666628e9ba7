#include "tarn/base/json.h"

#include <set>
#include <vector>

#include "tarn/base/error.h"

namespace tarn {
namespace {

// Python's json writes NaN and infinities as bare words; nlohmann refuses them. Outside strings
// they become null (NaN) or a number that overflows to infinity is not accepted either, so the
// largest finite double stands for infinity.
std::string replace_nonfinite(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      out += c;
      if (c == '\\' && i + 1 < text.size()) {
        out += text[++i];
      } else if (c == '"') {
        in_string = false;
      }
      continue;
    }
    if (c == '"') in_string = true;
    if (text.substr(i, 8) == "Infinity") {
      out += "1.7976931348623157e308";
      i += 7;
    } else if (text.substr(i, 3) == "NaN") {
      out += "null";
      i += 2;
    } else {
      out += c;
    }
  }
  return out;
}

template <typename Json>
Json parse(std::string_view text, std::string_view source, int max_depth) {
  std::vector<std::set<std::string>> keys;  // of the objects that are open, for the duplicate check
  const auto check = [&](int depth, nlohmann::json::parse_event_t event, Json& value) {
    using Event = nlohmann::json::parse_event_t;
    if (depth >= max_depth) {
      fail(ErrorCode::corrupt, "{}: JSON nested deeper than {} levels", source, max_depth);
    }
    if (event == Event::object_start) keys.emplace_back();
    if (event == Event::object_end) keys.pop_back();
    if (event == Event::key) {
      const auto& key = value.template get_ref<const std::string&>();
      if (!keys.back().insert(key).second) {
        fail(ErrorCode::corrupt, "{}: JSON key \"{}\" appears twice in one object", source, key);
      }
    }
    return true;
  };
  try {
    return Json::parse(text.begin(), text.end(), check);
  } catch (const nlohmann::json::exception& error) {
    fail(ErrorCode::corrupt, "{}: not valid JSON: {}", source, error.what());
  }
}

}  // namespace

json parse_json(std::string_view text, std::string_view source, int max_depth,
                bool allow_nonfinite) {
  if (allow_nonfinite) return parse<json>(replace_nonfinite(text), source, max_depth);
  return parse<json>(text, source, max_depth);
}

ordered_json parse_ordered_json(std::string_view text, std::string_view source, int max_depth) {
  return parse<ordered_json>(text, source, max_depth);
}

}  // namespace tarn
