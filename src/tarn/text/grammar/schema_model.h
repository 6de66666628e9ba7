// What schemas say, once references are followed, alternatives are taken apart and keywords that
// stand together are merged.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tarn/base/error.h"
#include "tarn/base/json.h"
#include "tarn/text/grammar/char_dfa.h"
#include "tarn/text/grammar/expressions.h"
#include "tarn/text/grammar/number_rules.h"

namespace tarn::text::grammar {

// A schema within the document and where it stands, as a JSON pointer.
struct SchemaRef {
  const ordered_json* node;
  std::string pointer;
};
// Schemas that hold at once.
using SchemaRefs = std::vector<SchemaRef>;

enum SchemaType : uint32_t {
  kNull = 1,
  kBoolean = 2,
  kInteger = 4,
  kFraction = 8,  // numbers that are not whole
  kString = 16,
  kArray = 32,
  kObject = 64,
  kAnyType = 127,
};

// Keywords of one schema object about arrays, which refer to each other.
struct ArrayShape {
  SchemaRefs prefix;
  std::optional<SchemaRef> rest;
};

// The same about objects.
struct ObjectShape {
  std::vector<std::pair<std::string, SchemaRef>> properties;
  std::vector<std::pair<std::string, SchemaRef>> patterns;
  std::optional<SchemaRef> additional;
  std::string pointer;
};

struct StringPattern {
  RegexNode regex;
  bool search;  // else the whole string must match
  std::string pointer;
};

// One way to be valid: everything in here holds.
struct Constraints {
  uint32_t types = kAnyType;
  std::optional<std::vector<const ordered_json*>> values;  // one of these
  NumberRange numbers;
  uint32_t min_length = 0;
  uint32_t max_length = kUnbounded;
  std::vector<StringPattern> patterns;
  uint32_t min_items = 0;
  uint32_t max_items = kUnbounded;
  std::vector<ArrayShape> arrays;
  uint32_t min_properties = 0;
  uint32_t max_properties = kUnbounded;
  std::vector<std::string> required;
  std::vector<ObjectShape> objects;
  SchemaRefs property_names;
  std::string pointer;  // of the first schema; opens messages

  bool plain_string() const {
    return min_length == 0 && max_length == kUnbounded && patterns.empty();
  }
  bool plain_array() const { return min_items == 0 && max_items == kUnbounded && arrays.empty(); }
  bool plain_object() const {
    return min_properties == 0 && max_properties == kUnbounded && required.empty() &&
           objects.empty() && property_names.empty();
  }
};

uint32_t type_of(const ordered_json& value);
// As JSON Schema compares: numbers by value, objects without regard to order.
bool equal(const ordered_json& a, const ordered_json& b);

// "schema: /properties/a/pattern: message"
[[noreturn]] void fail_at(const std::string& pointer, std::string_view keyword, ErrorCode code,
                          std::string_view message);
std::string append_pointer(const std::string& pointer, std::string_view token);

// The patterns of `patternProperties`, each once.
class KeyPatterns {
 public:
  explicit KeyPatterns(const Constraints& c);
  size_t size() const { return sources_.size(); }
  const CharDfa& language(size_t i) const { return languages_[i]; }
  bool matches(const std::string& pattern, const std::string& key) const;
  size_t index(const std::string& pattern) const;

 private:
  std::vector<std::string> sources_;
  std::vector<CharDfa> languages_;
};

// What the item at `index` of an array has to be, and the property `key` of an object.
SchemaRefs schemas_of_item(const Constraints& c, size_t index);
SchemaRefs schemas_of_property(const Constraints& c, const std::string& key,
                               const KeyPatterns& patterns);

}  // namespace tarn::text::grammar
