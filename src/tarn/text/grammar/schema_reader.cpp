#include "tarn/text/grammar/schema_reader.h"

#include <algorithm>
#include <utility>

#include "tarn/base/error.h"
#include "tarn/text/grammar/schema_keywords.h"

namespace tarn::text::grammar {
namespace {

constexpr uint64_t kMaxSteps = 500'000;
constexpr int kMaxChoices = 64;  // within one another

bool is_applicator(const std::string& name) {
  return name == "$ref" || name == "allOf" || name == "anyOf" || name == "oneOf";
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

std::string percent_decoded(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && hex_digit(text[i + 1]) >= 0 &&
        hex_digit(text[i + 2]) >= 0) {
      out += static_cast<char>(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2]));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

// "~1" is "/" and "~0" is "~" in the tokens of a pointer.
std::string unescaped(std::string_view token) {
  std::string out;
  for (size_t i = 0; i < token.size(); ++i) {
    if (token[i] == '~' && i + 1 < token.size() && (token[i + 1] == '0' || token[i + 1] == '1')) {
      out += token[++i] == '0' ? '~' : '/';
    } else {
      out += token[i];
    }
  }
  return out;
}

const ordered_json* child(const ordered_json& node, const std::string& token) {
  if (node.is_object()) {
    const auto it = node.find(token);
    return it == node.end() ? nullptr : &*it;
  }
  if (!node.is_array() || token.empty() || token.size() > 9 ||
      token.find_first_not_of("0123456789") != std::string::npos) {
    return nullptr;
  }
  const size_t index = std::stoul(token);
  return index < node.size() ? &node[index] : nullptr;
}

}  // namespace

void SchemaReader::spend() {
  if (++steps_ > kMaxSteps) {
    fail(ErrorCode::unsupported, "schema: reading it takes more than {} steps; make it simpler",
         kMaxSteps);
  }
}

SchemaRef SchemaReader::resolve(const ordered_json& reference, const std::string& pointer) const {
  if (!reference.is_string()) {
    fail_at(pointer, "$ref", ErrorCode::invalid_argument, "expected a string");
  }
  const auto& text = reference.get_ref<const std::string&>();
  if (text != "#" && !text.starts_with("#/")) {
    fail_at(pointer, "$ref", ErrorCode::unsupported,
            fmt::format("\"{}\" is not a JSON pointer within this schema (#/...)", text));
  }
  SchemaRef out{&document_, ""};
  std::string_view rest = std::string_view(text).substr(1);
  while (!rest.empty()) {
    rest.remove_prefix(1);
    const size_t end = std::min(rest.find('/'), rest.size());
    const std::string token = unescaped(percent_decoded(rest.substr(0, end)));
    rest.remove_prefix(end);
    out.node = child(*out.node, token);
    if (out.node == nullptr) {
      fail_at(pointer, "$ref", ErrorCode::invalid_argument,
              fmt::format("\"{}\" points to nothing", text));
    }
    out.pointer = append_pointer(out.pointer, token);
  }
  return out;
}

Branches SchemaReader::read(const SchemaRefs& schemas, int depth) {
  State state;
  if (!schemas.empty()) state.c.pointer = schemas.front().pointer;
  for (const SchemaRef& schema : schemas) state.pending.push_back({schema, nullptr});
  Branches out;
  expand(std::move(state), depth, out);
  return out;
}

void SchemaReader::expand(State state, int depth, Branches& out) {
  spend();
  for (size_t i = 0; i < state.pending.size(); ++i) {
    const Step step = state.pending[i];  // absorbing it adds more
    if (!absorb(step, state, depth)) return;
  }
  state.pending.clear();
  if (state.choices.empty()) {
    if (!finish(state.c, depth)) return;
    if (out.size() >= kMaxBranches) {
      fail_at(state.c.pointer, "", ErrorCode::unsupported,
              fmt::format("more than {} combinations of alternatives", kMaxBranches));
    }
    out.push_back(std::move(state.c));
    return;
  }
  const Choice choice = std::move(state.choices.front());
  state.choices.erase(state.choices.begin());
  if (++state.depth > kMaxChoices) {
    fail_at(choice.pointer, "", ErrorCode::unsupported, "alternatives are nested too deep");
  }
  std::vector<Branches> each;
  for (const SchemaRef& alternative : choice.alternatives) {
    State next = state;
    next.pending.push_back({alternative, choice.parent});
    Branches branches;
    expand(std::move(next), depth, choice.exclusive ? branches : out);
    for (size_t i = 0; i < each.size(); ++i) {
      if (disjoint(each[i], branches, depth + 1)) continue;
      fail_at(choice.pointer, "", ErrorCode::unsupported,
              fmt::format("alternatives {} and {} may hold together: tell them apart by type or by "
                          "the const of a required property, or use anyOf",
                          i, each.size()));
    }
    if (choice.exclusive) each.push_back(std::move(branches));
  }
  for (Branches& branches : each) {
    for (Constraints& branch : branches) out.push_back(std::move(branch));
  }
  if (out.size() > kMaxBranches) {
    fail_at(choice.pointer, "", ErrorCode::unsupported,
            fmt::format("more than {} combinations of alternatives", kMaxBranches));
  }
}

bool SchemaReader::absorb(const Step& step, State& state, int depth) {
  const ordered_json& node = *step.schema.node;
  if (node.is_boolean()) return node.get<bool>();
  if (!node.is_object()) {
    fail_at(step.schema.pointer, "", ErrorCode::invalid_argument,
            "expected a schema: an object, true or false");
  }
  for (const Step* above = step.parent.get(); above != nullptr; above = above->parent.get()) {
    spend();
    if (above->schema.node == &node) {
      fail_at(step.schema.pointer, "", ErrorCode::invalid_argument,
              "the schema refers to itself for the same value");
    }
  }
  if (!state.seen.insert(&node).second) return true;
  merge_keywords(node, step.schema.pointer, state.c, is_applicator);
  const auto self = std::make_shared<const Step>(step);
  for (const auto& [name, value] : node.items()) {
    spend();
    if (is_applicator(name) && !applicator(name, value, self, state)) return false;
  }
  return depth >= 0 && state.c.types != 0;
}

bool SchemaReader::applicator(const std::string& name, const ordered_json& value,
                              const std::shared_ptr<const Step>& step, State& state) {
  const std::string pointer = append_pointer(step->schema.pointer, name);
  if (name == "$ref") {
    state.pending.push_back({resolve(value, step->schema.pointer), step});
    return true;
  }
  const SchemaRefs all = schema_list(value, pointer);
  if (all.empty()) {
    fail_at(pointer, "", ErrorCode::invalid_argument, "expected at least one schema");
  }
  if (name == "allOf") {
    for (const SchemaRef& one : all) state.pending.push_back({one, step});
  } else {
    state.choices.push_back({all, step, name == "oneOf", pointer});
  }
  return true;
}

// Drops the types for which nothing is left, and the values that do not fit the rest.
bool SchemaReader::finish(Constraints& c, int depth) {
  if (c.min_length > c.max_length) c.types &= ~kString;
  if (c.min_items > c.max_items) c.types &= ~kArray;
  if (c.min_properties > c.max_properties || c.required.size() > c.max_properties) {
    c.types &= ~kObject;
  }
  if (c.numbers.lower && c.numbers.upper) {
    const int order = compare(c.numbers.lower->value, c.numbers.upper->value);
    const bool open = c.numbers.lower->exclusive || c.numbers.upper->exclusive;
    if (order > 0 || (order == 0 && open)) c.types &= ~(kInteger | kFraction);
  }
  if (c.values) {
    std::erase_if(*c.values,
                  [&](const ordered_json* value) { return !valid(*value, c, depth + 1); });
    uint32_t types = 0;
    for (const ordered_json* value : *c.values) types |= type_of(*value);
    c.types &= types;
  }
  return c.types != 0;
}

}  // namespace tarn::text::grammar
