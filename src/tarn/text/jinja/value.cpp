#include "tarn/text/jinja/value.h"

#include <cmath>
#include <cstring>
#include <limits>

#include "tarn/text/jinja/error.h"
#include "tarn/text/jinja/heap.h"
#include "tarn/text/jinja/loop.h"
#include "tarn/text/jinja/unicode.h"

namespace tarn::text::jinja {

Shared::Shared(Heap* owner, size_t charged_bytes, int levels)
    : heap(owner), charged(0), depth(levels) {
  if (heap) {
    heap->charge(charged_bytes);
    charged = charged_bytes;
  }
}

Shared::~Shared() {
  if (heap) heap->release(charged);
}

Value Value::boolean(bool b) {
  Value value;
  value.kind_ = Kind::boolean;
  value.integer_ = b ? 1 : 0;
  return value;
}

Value Value::integer(int64_t i) {
  Value value;
  value.kind_ = Kind::integer;
  value.integer_ = i;
  return value;
}

Value Value::real(double d) {
  Value value;
  value.kind_ = Kind::real;
  value.real_ = d;
  return value;
}

Value Value::name_space(Namespace* object) {
  Value value;
  value.kind_ = Kind::name_space;
  value.space_ = object;
  return value;
}

Value Value::shared(Kind kind, std::shared_ptr<Shared> object, bool flag) {
  Value value;
  value.kind_ = kind;
  value.flag_ = flag;
  value.shared_ = std::move(object);
  return value;
}

double Value::as_real() const {
  return kind_ == Kind::real ? real_ : static_cast<double>(integer_);
}

const Text& Value::text() const { return object<Text>(); }
const std::string& Value::str() const { return object<Text>().bytes; }
const std::vector<Value>& Value::items() const { return object<Sequence>().items; }
const Dict& Value::dict() const { return object<Dict>(); }

const void* Value::identity() const {
  return kind_ == Kind::name_space ? static_cast<const void*>(space_) : shared_.get();
}

namespace {

int deepest(const std::vector<Value>& values) {
  int depth = 0;
  for (const Value& value : values) depth = std::max(depth, value.depth());
  return depth + 1;
}

}  // namespace

Text::Text(Heap* owner, std::string content)
    : Shared(owner, sizeof(Text) + content.size(), 0),
      bytes(std::move(content)),
      length(count_code_points(bytes)) {}

Sequence::Sequence(Heap* owner, std::vector<Value> values, bool grouped_pair)
    : Shared(owner, sizeof(Sequence) + values.size() * sizeof(Value), deepest(values)),
      items(std::move(values)),
      grouped(grouped_pair) {}

Dict::Dict(Heap* owner) : Shared(owner, sizeof(Dict), 1) {}

size_t Dict::position(const Value& key, size_t hash) const {
  if (heap) heap->step();
  if (index_.empty()) {
    for (size_t i = 0; i < entries.size(); ++i) {
      if (equal(entries[i].first, key)) return i;
    }
    return entries.size();
  }
  const auto [begin, end] = index_.equal_range(hash);
  for (auto it = begin; it != end; ++it) {
    if (equal(entries[it->second].first, key)) return it->second;
  }
  return entries.size();
}

const Value* Dict::find(const Value& key) const {
  const size_t at = position(key, hash_of(key));
  return at < entries.size() ? &entries[at].second : nullptr;
}

const Value* Dict::find(std::string_view key) const {
  if (index_.empty()) {
    for (const auto& [name, value] : entries) {
      if (name.is_string() && name.str() == key) return &value;
    }
    return nullptr;
  }
  const auto [begin, end] = index_.equal_range(std::hash<std::string_view>{}(key));
  for (auto it = begin; it != end; ++it) {
    const auto& [name, value] = entries[it->second];
    if (name.is_string() && name.str() == key) return &value;
  }
  return nullptr;
}

void Dict::set(Value key, Value value) {
  constexpr size_t kIndexed = 12;  // below this many entries a scan is faster
  const size_t hash = hash_of(key);
  const size_t at = position(key, hash);
  depth = std::max({depth, key.depth() + 1, value.depth() + 1});
  if (at < entries.size()) {
    entries[at].second = std::move(value);
    return;
  }
  if (heap) {
    const size_t bytes = 4 * sizeof(Value);
    heap->charge(bytes);
    charged += bytes;
  }
  entries.emplace_back(std::move(key), std::move(value));
  if (!index_.empty()) {
    index_.emplace(hash, at);
  } else if (entries.size() == kIndexed) {
    for (size_t i = 0; i < entries.size(); ++i) index_.emplace(hash_of(entries[i].first), i);
  }
}

Range::Range(Heap* owner, int64_t first, int64_t end, int64_t stride)
    : Shared(owner, sizeof(Range), 0), start(first), stop(end), step(stride), length(0) {
  // Unsigned differences: the distance of two int64 can exceed int64.
  const auto distance = [](int64_t low, int64_t high) {
    return low < high ? static_cast<uint64_t>(high) - static_cast<uint64_t>(low) : uint64_t{0};
  };
  const uint64_t span = step > 0 ? distance(start, stop) : distance(stop, start);
  const uint64_t width =
      step > 0 ? static_cast<uint64_t>(step) : uint64_t{0} - static_cast<uint64_t>(step);
  const uint64_t count = span == 0 ? 0 : (span - 1) / width + 1;
  constexpr uint64_t kMost = std::numeric_limits<int64_t>::max();
  length = static_cast<int64_t>(std::min(count, kMost));
}

View::View(Heap* owner, What which, Value of)
    : Shared(owner, sizeof(View), of.depth() + 1), what(which), dict(std::move(of)) {}

Iterator::Iterator(Heap* owner, const char* type_name, Next advance, int levels)
    : Shared(owner, sizeof(Iterator) + 64, levels), type(type_name), next(std::move(advance)) {}

Callable::Callable(Heap* owner, std::string function_name, Function body, Value object)
    : Shared(owner, sizeof(Callable), object.depth() + 1),
      name(std::move(function_name)),
      function(body),
      self(std::move(object)) {}

Cycler::Cycler(Heap* owner, Value of)
    : Shared(owner, sizeof(Cycler), of.depth() + 1), items(std::move(of)) {}

Joiner::Joiner(Heap* owner, Value by)
    : Shared(owner, sizeof(Joiner), by.depth() + 1), separator(std::move(by)) {}

bool truthy(const Value& value) {
  switch (value.kind()) {
    case Kind::undefined:
    case Kind::none:
      return false;
    case Kind::boolean:
    case Kind::integer:
      return value.as_integer() != 0;
    case Kind::real:
      return value.as_real() != 0;
    case Kind::string:
      return !value.str().empty();
    case Kind::list:
    case Kind::tuple:
      return !value.items().empty();
    case Kind::dict:
      return value.dict().size() != 0;
    case Kind::range:
      return value.object<Range>().length != 0;
    case Kind::view:
      return value.object<View>().dict.dict().size() != 0;
    case Kind::loop:
      return value.object<Loop>().length() != 0;
    default:
      return true;
  }
}

namespace {

// Exact, as Python compares an int with a float: not through a rounding conversion.
bool equal_numbers(const Value& a, const Value& b) {
  if (a.is_integral() && b.is_integral()) return a.as_integer() == b.as_integer();
  if (a.is(Kind::real) && b.is(Kind::real)) return a.as_real() == b.as_real();
  const double real = a.is(Kind::real) ? a.as_real() : b.as_real();
  const int64_t integer = a.is(Kind::real) ? b.as_integer() : a.as_integer();
  return real >= -0x1p63 && real < 0x1p63 && std::floor(real) == real &&
         static_cast<int64_t>(real) == integer;
}

bool equal_dicts(const Dict& a, const Dict& b) {
  if (a.size() != b.size()) return false;
  for (const auto& [key, value] : a.entries) {
    if (a.heap) a.heap->step();
    const Value* other = b.find(key);
    if (!other || !equal(value, *other)) return false;
  }
  return true;
}

}  // namespace

bool equal(const Value& a, const Value& b) {
  if (a.is_number() && b.is_number()) return equal_numbers(a, b);
  if (a.kind() != b.kind()) return false;
  switch (a.kind()) {
    case Kind::undefined:
    case Kind::none:
      return true;
    case Kind::string:
      return a.str() == b.str();
    case Kind::list:
    case Kind::tuple: {
      const auto& x = a.items();
      const auto& y = b.items();
      if (x.size() != y.size()) return false;
      if (&x == &y) return true;
      for (size_t i = 0; i < x.size(); ++i) {
        if (a.object<Sequence>().heap) a.object<Sequence>().heap->step();
        if (!equal(x[i], y[i])) return false;
      }
      return true;
    }
    case Kind::dict:
      return a.identity() == b.identity() || equal_dicts(a.dict(), b.dict());
    case Kind::range: {
      const auto& x = a.object<Range>();
      const auto& y = b.object<Range>();
      return x.length == y.length &&
             (x.length == 0 || (x.start == y.start && (x.length == 1 || x.step == y.step)));
    }
    case Kind::callable: {
      const auto& x = a.object<Callable>();
      const auto& y = b.object<Callable>();
      return x.function == y.function && x.self.identity() == y.self.identity();
    }
    default:
      return a.identity() == b.identity();
  }
}

size_t hash_of(const Value& value) {
  switch (value.kind()) {
    case Kind::undefined:
      return 1;
    case Kind::none:
      return 2;
    case Kind::boolean:
    case Kind::integer:
      return std::hash<int64_t>{}(value.as_integer());
    case Kind::real: {
      const double real = value.as_real();
      if (real >= -0x1p63 && real < 0x1p63 && std::floor(real) == real) {
        return std::hash<int64_t>{}(static_cast<int64_t>(real));
      }
      return std::hash<double>{}(real);
    }
    case Kind::string:
      return std::hash<std::string_view>{}(value.str());
    case Kind::tuple: {
      size_t hash = 0x9e3779b97f4a7c15;
      if (Heap* heap = value.object<Sequence>().heap) heap->step(1 + value.items().size());
      for (const Value& item : value.items()) hash = hash * 1000003 ^ hash_of(item);
      return hash;
    }
    case Kind::list:
    case Kind::dict:
      raise("unhashable type: '{}'", type_name(value));
    default:
      return std::hash<const void*>{}(value.identity());
  }
}

const char* type_name(const Value& value) {
  switch (value.kind()) {
    case Kind::undefined:
      return "Undefined";
    case Kind::none:
      return "NoneType";
    case Kind::boolean:
      return "bool";
    case Kind::integer:
      return "int";
    case Kind::real:
      return "float";
    case Kind::string:
      return value.markup() ? "Markup" : "str";
    case Kind::list:
      return "list";
    case Kind::tuple:
      return value.object<Sequence>().grouped ? "_GroupTuple" : "tuple";
    case Kind::dict:
      return "dict";
    case Kind::range:
      return "range";
    case Kind::view:
      switch (value.object<View>().what) {
        case View::What::keys:
          return "dict_keys";
        case View::What::values:
          return "dict_values";
        case View::What::items:
          return "dict_items";
      }
      return "dict_items";
    case Kind::iterator:
      return value.object<Iterator>().type;
    case Kind::name_space:
      return "Namespace";
    case Kind::callable:
      return "builtin_function_or_method";
    case Kind::macro:
      return "Macro";
    case Kind::loop:
      return "LoopContext";
    case Kind::cycler:
      return "Cycler";
    case Kind::joiner:
      return "Joiner";
  }
  return "object";
}

std::string type_description(const Value& value) {
  if (value.is_none()) return "None";
  const char* module = "";
  switch (value.kind()) {
    case Kind::string:
      module = value.markup() ? "markupsafe." : "";
      break;
    case Kind::name_space:
    case Kind::cycler:
    case Kind::joiner:
      module = "jinja2.utils.";
      break;
    case Kind::macro:
    case Kind::loop:
      module = "jinja2.runtime.";
      break;
    default:
      break;
  }
  return fmt::format("{}{} object", module, type_name(value));
}

void raise_undefined(const Value& value) { throw Failure{value.text().bytes}; }

}  // namespace tarn::text::jinja
