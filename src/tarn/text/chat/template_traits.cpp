#include "tarn/text/chat/template_traits.h"

#include <nlohmann/json.hpp>
#include <optional>

namespace tarn::text {
namespace {

using nlohmann::ordered_json;

constexpr std::string_view needle = "qzneedlezq";

const ordered_json& probe_tools() {
  static const ordered_json tools = ordered_json::array(
      {{{"type", "function"},
        {"function",
         {{"name", "qztoolzq"},
          {"description", "A tool."},
          {"parameters",
           {{"type", "object"},
            {"properties", {{"qzkeyzq", {{"type", "string"}, {"description", "A key."}}}}},
            {"required", ordered_json::array({"qzkeyzq"})}}}}}}});
  return tools;
}

class Probe {
 public:
  Probe(const ChatTemplate& chat_template, const ordered_json* variables)
      : template_(chat_template), variables_(variables) {}

  std::optional<std::string> render(const ordered_json& messages) const {
    ChatInputs inputs;
    inputs.messages = &messages;
    inputs.tools = &probe_tools();
    inputs.variables = variables_;
    try {
      return template_.render(inputs);
    } catch (const TemplateError&) {
      return std::nullopt;
    }
  }

  // Whether the needle is shown, and not as a part of printed data.
  bool shows(const ordered_json& messages) const {
    const std::optional<std::string> text = render(messages);
    if (!text) return false;
    const size_t at = text->find(needle);
    return at != std::string::npos &&
           (at == 0 || ((*text)[at - 1] != '"' && (*text)[at - 1] != '\''));
  }

 private:
  const ChatTemplate& template_;
  const ordered_json* variables_;
};

ordered_json message(std::string_view role, ordered_json content) {
  return {{"role", role}, {"content", std::move(content)}};
}

// A question, a call with these fields, its result.
ordered_json with_call(const ordered_json& arguments, const ordered_json& content = "",
                       std::string_view id = "abc456789", const ordered_json& fields = {}) {
  ordered_json call = message("assistant", content);
  call["tool_calls"] =
      ordered_json::array({{{"id", id},
                            {"type", "function"},
                            {"function", {{"name", "qztoolzq"}, {"arguments", arguments}}}}});
  if (fields.is_object()) call.update(fields);
  ordered_json result = message("tool", "qzresultzq");
  result["tool_call_id"] = id;
  result["name"] = "qztoolzq";
  return ordered_json::array({message("user", "qzquestionzq"), call, result});
}

bool contains(const std::optional<std::string>& text, std::string_view part) {
  return text && text->find(part) != std::string::npos;
}

bool wants_argument_strings(const Probe& probe, const ordered_json& mapping) {
  // Python's print of a mapping is no JSON; a string that is dumped once more is none either.
  const auto with_mapping = probe.render(with_call(mapping));
  if (contains(with_mapping, "qzvaluezq") && !contains(with_mapping, "'qzkeyzq'")) return false;
  const auto with_string = probe.render(with_call(mapping.dump()));
  return contains(with_string, "qzvaluezq") && !contains(with_string, "\\\"qzkeyzq");
}

// Some look at the first part only, or at the parts of users only.
std::set<std::string, std::less<>> roles_with_parts(const Probe& probe) {
  const auto part = [](std::string_view text) {
    return ordered_json({{"type", "text"}, {"text", text}});
  };
  const ordered_json parts = ordered_json::array({part("qzfirstzq "), part(needle)});
  const ordered_json question = message("user", "qzquestionzq");
  ordered_json result = with_call({{"qzkeyzq", "qzvaluezq"}});
  result.back()["content"] = parts;
  const std::pair<const char*, ordered_json> trials[] = {
      {"system", ordered_json::array({message("system", parts), question})},
      {"user", ordered_json::array({message("user", parts)})},
      {"assistant", ordered_json::array({question, message("assistant", parts), question})},
      {"tool", result}};
  std::set<std::string, std::less<>> roles;
  for (const auto& [role, messages] : trials) {
    if (probe.shows(messages) && contains(probe.render(messages), "qzfirstzq")) roles.insert(role);
  }
  return roles;
}

}  // namespace

TemplateTraits probe_template(const ChatTemplate& chat_template, std::string_view source,
                              const ordered_json* variables) {
  const Probe probe(chat_template, variables);
  const auto turn = [](std::string_view role) {
    return ordered_json::array({message(role, needle), message("user", "qzquestionzq")});
  };
  TemplateTraits traits;
  traits.content_parts = roles_with_parts(probe);
  traits.content_strings = probe.shows(ordered_json::array({message("user", needle)})) ||
                           !traits.content_parts.contains("user");
  traits.system_role = probe.shows(turn("system"));
  const bool named = source.find("'developer'") != std::string_view::npos ||
                     source.find("\"developer\"") != std::string_view::npos;
  traits.developer_role = named && probe.shows(turn("developer"));

  const ordered_json mapping = {{"qzkeyzq", "qzvaluezq"}};
  traits.argument_strings = wants_argument_strings(probe, mapping);
  const ordered_json arguments = traits.argument_strings ? ordered_json(mapping.dump()) : mapping;
  const auto null_content = probe.render(with_call(arguments, nullptr));
  traits.null_content = null_content && !contains(null_content, "None");
  const bool plain = probe.render(with_call(arguments)).has_value();
  traits.short_call_ids =
      plain && !probe.render(with_call(arguments, "", "call_0123456789abcdef01234567"));

  for (const char* key : {"reasoning_content", "reasoning", "thinking"}) {
    const ordered_json reasoning = {{key, needle}};
    if (!contains(probe.render(with_call(arguments, "", "abc456789", reasoning)), needle)) continue;
    traits.reasoning_key = key;
    traits.content_beside_reasoning =
        probe.render(with_call(arguments, "qzcontentzq", "abc456789", reasoning)).has_value();
    break;
  }
  return traits;
}

}  // namespace tarn::text
