#include "tarn/compress/recipe_file.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <initializer_list>

#include "tarn/base/error.h"
#include "tarn/base/file.h"
#include "tarn/base/json.h"
#include "tarn/io/quote.h"

namespace tarn::compress {
namespace {

constexpr uint64_t largest_file = uint64_t{16} << 20;
constexpr size_t most_rules = 100'000;
constexpr size_t longest_description = 4096;
constexpr int64_t most_tokens = int64_t{1} << 24;

// One object of the file, and where it stands: "rules[3]".
class Object {
 public:
  Object(const ordered_json& value, std::string_view source, std::string place,
         std::initializer_list<std::string_view> keys)
      : value_(value), source_(source), place_(std::move(place)) {
    if (!value.is_object()) fail_at(place_, "an object was expected");
    for (const auto& [key, entry] : value.items()) {
      if (std::find(keys.begin(), keys.end(), key) != keys.end()) continue;
      fail(ErrorCode::corrupt, "{}: {}: unknown key {}: there are {}", source_, place_, quote(key),
           fmt::join(keys, ", "));
    }
  }

  const ordered_json* find(std::string_view key) const {
    const auto found = value_.find(key);
    return found == value_.end() ? nullptr : &*found;
  }
  std::string text(std::string_view key) const {
    const ordered_json* value = find(key);
    if (value == nullptr) fail_at(path(key), "it is missing");
    if (!value->is_string()) fail_at(path(key), "a string was expected");
    return value->get<std::string>();
  }
  bool flag(std::string_view key) const {
    const ordered_json* value = find(key);
    if (value == nullptr) return false;
    if (!value->is_boolean()) fail_at(path(key), "true or false was expected");
    return value->get<bool>();
  }
  std::string path(std::string_view key) const {
    return place_ == "the file" ? std::string(key) : fmt::format("{}.{}", place_, key);
  }
  // A format or a rule in it is wrong: its error, and where.
  template <typename F>
  auto at(std::string_view key, F&& f) const {
    try {
      return f();
    } catch (const Error& error) {
      throw Error(error.code(), fmt::format("{}: {}: {}", source_, path(key), error.what()));
    }
  }
  [[noreturn]] void fail_at(std::string_view place, std::string_view what) const {
    fail(ErrorCode::corrupt, "{}: {}: {}", source_, place, what);
  }

 private:
  const ordered_json& value_;
  std::string_view source_;
  std::string place_;
};

Rule parse_entry(const ordered_json& value, std::string_view source, size_t index) {
  const Object object(value, source, fmt::format("rules[{}]", index), {"modules", "format"});
  const std::string pattern = object.text("modules");
  const std::string format = object.text("format");
  object.at("modules", [&] { check_pattern(pattern); });
  return object.at("format", [&] { return parse_rule(fmt::format("{}={}", pattern, format)); });
}

CalibrationSettings parse_calibration(const ordered_json& value, std::string_view source) {
  const Object object(value, source, "calibration", {"tokens", "gptq", "awq"});
  CalibrationSettings settings;
  settings.gptq = object.flag("gptq");
  settings.awq = object.flag("awq");
  if (const ordered_json* tokens = object.find("tokens")) {
    const bool fits = tokens->is_number_integer() && tokens->get<double>() >= 2 &&
                      tokens->get<double>() <= static_cast<double>(most_tokens);
    if (!fits) {
      object.fail_at("calibration.tokens",
                     fmt::format("a whole number from 2 to {} was expected", most_tokens));
    }
    settings.tokens = tokens->get<int64_t>();
  }
  return settings;
}

}  // namespace

RecipeFile parse_recipe_json(std::string_view text, std::string_view source) {
  const ordered_json document = parse_ordered_json(text, source, 8);
  const Object object(document, source, "the file",
                      {"description", "format", "rules", "calibration"});
  RecipeFile result;
  if (object.find("description") != nullptr) {
    result.description = object.text("description");
    if (result.description.size() > longest_description) {
      object.fail_at("description", fmt::format("longer than {} bytes", longest_description));
    }
  }
  const std::string format = object.text("format");
  result.recipe = object.at("format", [&] { return parse_recipe(format); });
  if (const ordered_json* rules = object.find("rules")) {
    if (!rules->is_array()) object.fail_at("rules", "an array of objects was expected");
    if (rules->size() > most_rules) {
      object.fail_at("rules",
                     fmt::format("{} of them: {} are the most", rules->size(), most_rules));
    }
    for (size_t i = 0; i < rules->size(); ++i) {
      result.recipe.rules.push_back(parse_entry((*rules)[i], source, i));
    }
  }
  if (const ordered_json* calibration = object.find("calibration")) {
    result.calibration = parse_calibration(*calibration, source);
  }
  return result;
}

std::string recipe_json(const RecipeFile& file) {
  ordered_json document;
  if (!file.description.empty()) document["description"] = file.description;
  document["format"] = format_text(file.recipe.format);
  ordered_json rules = ordered_json::array();
  for (const Rule& rule : file.recipe.rules) {
    rules.push_back({{"modules", rule.pattern},
                     {"format", rule.format ? format_text(*rule.format) : std::string("none")}});
  }
  if (!rules.empty()) document["rules"] = std::move(rules);
  if (!(file.calibration == CalibrationSettings{})) {
    ordered_json& calibration = document["calibration"];
    if (file.calibration.tokens) calibration["tokens"] = *file.calibration.tokens;
    if (file.calibration.gptq) calibration["gptq"] = true;
    if (file.calibration.awq) calibration["awq"] = true;
  }
  return document.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

RecipeFile load_recipe(const std::string& path_or_name) {
  if (!path_or_name.ends_with(".json")) return {{}, parse_recipe(path_or_name), {}};
  return parse_recipe_json(read_file(path_or_name, largest_file), path_or_name);
}

void save_recipe(const std::filesystem::path& path, const RecipeFile& recipe) {
  write_file(path, recipe_json(recipe));
}

}  // namespace tarn::compress
