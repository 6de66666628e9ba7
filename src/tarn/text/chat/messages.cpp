#include "tarn/text/chat/messages.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "tarn/base/error.h"
#include "tarn/base/json.h"

namespace tarn::text {
namespace {

[[noreturn]] void refuse(const std::string& where, std::string_view why) {
  fail(ErrorCode::invalid_argument, "{}: {}", where, why);
}

bool has_text(const ordered_json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() &&
         !found->get_ref<const std::string&>().empty();
}

std::string dump(const ordered_json& value) {
  return value.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

// 9 letters and digits that depend on the id alone (FNV-1a).
std::string short_id(const std::string& id) {
  constexpr std::string_view digits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  if (id.size() == 9 && id.find_first_not_of(digits) == std::string::npos) return id;
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : id) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  std::string result;
  for (int i = 0; i < 9; ++i) {
    result += digits[hash % digits.size()];
    hash /= digits.size();
  }
  return result;
}

bool is_text(const ordered_json& part) {
  return part.is_string() || (part.is_object() && has_text(part, "text"));
}

class Normalizer {
 public:
  explicit Normalizer(const TemplateTraits& traits) : traits_(traits) {}

  ordered_json run(const ordered_json& messages) {
    if (!messages.is_array()) refuse("messages", "they have to be an array");
    for (size_t i = 0; i < messages.size(); ++i) {
      add(messages[i], fmt::format("messages[{}]", i));
    }
    if (!system_.empty()) {
      // Nobody asked anything.
      result_.insert(result_.begin(), {{"role", "user"}, {"content", as_content(system_)}});
    }
    return std::move(result_);
  }

 private:
  struct Call {
    std::string id, name;
    bool answered = false;
  };

  void add(ordered_json message, const std::string& where);
  void normalize_content(ordered_json& message, const std::string& where) const;
  void normalize_reasoning(ordered_json& message) const;
  void normalize_calls(ordered_json& message, const std::string& where);
  void normalize_arguments(ordered_json& function, const std::string& where) const;
  void normalize_result(ordered_json& message);
  ordered_json as_content(const std::string& text) const;
  std::string joined(const ordered_json& parts, const std::string& where) const;

  const TemplateTraits& traits_;
  ordered_json result_ = ordered_json::array();
  std::vector<Call> calls_;
  std::string system_;  // waits for a user's message
};

void Normalizer::add(ordered_json message, const std::string& where) {
  if (!message.is_object()) refuse(where, "a message has to be an object");
  const auto role = message.find("role");
  if (role == message.end() || !role->is_string()) {
    refuse(where, "it has no role; give system, user, assistant or tool");
  }
  if (*role == "developer" && !traits_.developer_role) *role = "system";
  const auto name = role->get<std::string>();
  if (name == "tool") normalize_result(message);
  if (name == "assistant") normalize_calls(message, where);
  normalize_content(message, where);
  if (name == "assistant") normalize_reasoning(message);

  const bool merged =
      (name == "system" && !traits_.system_role) || (name == "user" && !system_.empty());
  if (merged && message["content"].is_object()) {
    refuse(where + ".content", "it has to be a string or an array of parts");
  }
  if (name == "system" && !traits_.system_role) {
    const ordered_json& content = message["content"];
    if (!system_.empty()) system_ += "\n\n";
    system_ += content.is_string() ? content.get<std::string>() : joined(content, where);
    return;
  }
  if (name == "user" && !system_.empty()) {
    ordered_json& content = message["content"];
    const std::string opening = fmt::format("{}\n\n", system_);
    if (content.is_array()) {
      content.insert(content.begin(), {{"type", "text"}, {"text", opening}});
    } else {
      content = opening + content.get<std::string>();
    }
    system_.clear();
  }
  result_.push_back(std::move(message));
}

ordered_json Normalizer::as_content(const std::string& text) const {
  if (traits_.content_strings) return text;
  return ordered_json::array({{{"type", "text"}, {"text", text}}});
}

std::string Normalizer::joined(const ordered_json& parts, const std::string& where) const {
  std::string text;
  for (size_t i = 0; i < parts.size(); ++i) {
    const ordered_json& part = parts[i];
    if (i > 0) text += '\n';
    if (part.is_string()) {
      text += part.get<std::string>();
    } else if (part.is_object() && part.contains("text") && part["text"].is_string()) {
      text += part["text"].get<std::string>();
    } else {
      const std::string type =
          part.is_object() ? dump(part.value("type", ordered_json())) : dump(part);
      refuse(fmt::format("{}.content[{}]", where, i),
             fmt::format("the model's chat template takes text only, got {}; leave it out", type));
    }
  }
  return text;
}

void Normalizer::normalize_content(ordered_json& message, const std::string& where) const {
  ordered_json& content = message["content"];  // null where it is missing
  if (content.is_null()) {
    if (!message.contains("tool_calls") || !traits_.null_content) content = as_content("");
  } else if (content.is_array()) {
    const auto& role = message["role"].get_ref<const std::string&>();
    const bool plain = std::all_of(content.begin(), content.end(), is_text);
    // What holds more than text is the template's business where it takes parts of users at all.
    if (!traits_.content_parts.contains(role) &&
        (plain || !traits_.content_parts.contains("user"))) {
      content = as_content(joined(content, where));
    }
  } else if (content.is_string()) {
    if (!traits_.content_strings) content = as_content(content.get<std::string>());
  } else if (message["role"] == "tool") {
    content = as_content(dump(content));
  } else if (!content.is_object()) {  // a few templates have objects of their own
    refuse(where + ".content", "it has to be a string or an array of parts");
  }
}

void Normalizer::normalize_reasoning(ordered_json& message) const {
  for (const char* key : {"reasoning_content", "reasoning", "thinking"}) {
    if (key == traits_.reasoning_key || !has_text(message, key)) continue;
    if (!message.contains(traits_.reasoning_key)) message[traits_.reasoning_key] = message[key];
    message.erase(key);
  }
  if (!traits_.content_beside_reasoning && message.contains("tool_calls") &&
      has_text(message, traits_.reasoning_key.c_str()) && has_text(message, "content")) {
    std::string& reasoning = message[traits_.reasoning_key].get_ref<std::string&>();
    reasoning += "\n\n";
    reasoning += message["content"].get_ref<const std::string&>();
    message["content"] = "";
  }
}

void Normalizer::normalize_calls(ordered_json& message, const std::string& where) {
  const auto calls = message.find("tool_calls");
  if (calls == message.end()) return;
  if (calls->is_null() || calls->empty()) {
    message.erase("tool_calls");
    return;
  }
  if (!calls->is_array()) refuse(where + ".tool_calls", "they have to be an array");
  for (size_t i = 0; i < calls->size(); ++i) {
    const std::string place = fmt::format("{}.tool_calls[{}]", where, i);
    ordered_json& call = (*calls)[i];
    if (!call.is_object() || !call.contains("function") || !call["function"].is_object() ||
        !has_text(call["function"], "name")) {
      refuse(place, "it needs a function with a name");
    }
    normalize_arguments(call["function"], place);
    if (!call.contains("type")) call["type"] = "function";
    std::string id = has_text(call, "id") ? call["id"].get<std::string>()
                                          : fmt::format("call_{}", calls_.size());
    if (traits_.short_call_ids) id = short_id(id);
    call["id"] = id;
    calls_.push_back({std::move(id), call["function"]["name"].get<std::string>()});
  }
}

void Normalizer::normalize_arguments(ordered_json& function, const std::string& where) const {
  ordered_json& arguments = function["arguments"];
  if (arguments.is_null() || (arguments.is_string() && !has_text(function, "arguments"))) {
    arguments = ordered_json::object();
  }
  const std::string place = where + ".function.arguments";
  if (arguments.is_string()) {
    ordered_json parsed;
    try {
      parsed = parse_ordered_json(arguments.get_ref<const std::string&>(), place);
    } catch (const Error& error) {
      fail(ErrorCode::invalid_argument, "{}; give a JSON object", error.what());
    }
    if (!parsed.is_object()) refuse(place, "they have to be a JSON object");
    if (!traits_.argument_strings) arguments = std::move(parsed);
  } else if (!arguments.is_object()) {
    refuse(place, "they have to be a JSON object");
  } else if (traits_.argument_strings) {
    arguments = dump(arguments);
  }
}

// A result without an id answers the first call that has none yet.
void Normalizer::normalize_result(ordered_json& message) {
  std::string id =
      has_text(message, "tool_call_id") ? message["tool_call_id"].get<std::string>() : "";
  if (!id.empty() && traits_.short_call_ids) id = short_id(id);
  const auto call = std::find_if(calls_.begin(), calls_.end(), [&](const Call& one) {
    return id.empty() ? !one.answered : one.id == id && !one.answered;
  });
  if (call != calls_.end()) {
    call->answered = true;
    id = call->id;
    if (!has_text(message, "name")) message["name"] = call->name;
  }
  if (!id.empty()) message["tool_call_id"] = id;
}

}  // namespace

ordered_json normalize_messages(const ordered_json& messages, const TemplateTraits& traits) {
  return Normalizer(traits).run(messages);
}

}  // namespace tarn::text
