// The tools of a request, by name, and JSON helpers around them. Internal to text/chat.
#pragma once

#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace tarn::text {

class ToolTable {
 public:
  // See OutputParser. What is no tool is passed over.
  explicit ToolTable(const nlohmann::ordered_json& tools);

  bool knows(std::string_view tool) const { return any_ || schemas_.contains(tool); }

  // A parameter that a model wrote as bare text, as JSON text. Where its schema wants only strings:
  // a string. Otherwise what the text means as JSON, or as a Python literal, if the schema allows
  // that type; a string after all if it does not. Without a schema: JSON of any type but a string,
  // otherwise the text. Empty: not valid UTF-8.
  std::string argument(std::string_view tool, std::string_view parameter,
                       std::string_view text) const;

 private:
  bool any_;
  std::map<std::string, nlohmann::ordered_json, std::less<>> schemas_;  // of all its parameters
};

// nullopt: not valid (base/json.h says what is).
std::optional<nlohmann::ordered_json> try_parse_json(std::string_view text);
bool is_json_object(std::string_view text);
// `text` as a JSON string; empty if it is not valid UTF-8.
std::string quote_json(std::string_view text);

}  // namespace tarn::text
