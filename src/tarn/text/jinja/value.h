// The values a template computes with: Python's, without mutation (Jinja's immutable sandbox
// forbids it, and namespaces, the exception, belong to the Heap).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace tarn::text::jinja {

class Heap;
class Interpreter;
struct Args;

enum class Kind : uint8_t {
  undefined,
  none,
  boolean,
  integer,
  real,
  string,
  list,
  tuple,
  dict,
  range,
  view,      // of a dict: keys, values or items
  iterator,  // what lazy filters return; walks once
  name_space,
  callable,  // a built-in function or a method bound to its object
  macro,
  loop,
  cycler,
  joiner,
};

// The reference-counted part of a value. Immutable as far as references go, so that no cycle can
// form; `depth` counts the references below it, which bounds every recursion over values.
struct Shared {
  Shared(Heap* owner, size_t charged_bytes, int levels);
  virtual ~Shared();
  Shared(const Shared&) = delete;
  Shared& operator=(const Shared&) = delete;

  Heap* heap;  // where the bytes are accounted; null for a template's constants
  size_t charged;
  int depth;
};

struct Text;
struct Sequence;
struct Dict;
struct Namespace;

class Value {
 public:
  Value() : integer_(0) {}  // None
  static Value boolean(bool b);
  static Value integer(int64_t i);
  static Value real(double d);
  static Value name_space(Namespace* object);
  static Value shared(Kind kind, std::shared_ptr<Shared> object, bool flag = false);

  Kind kind() const { return kind_; }
  bool is(Kind kind) const { return kind_ == kind; }
  bool is_undefined() const { return kind_ == Kind::undefined; }
  bool is_none() const { return kind_ == Kind::none; }
  bool is_string() const { return kind_ == Kind::string; }
  bool is_integral() const { return kind_ == Kind::integer || kind_ == Kind::boolean; }
  bool is_number() const { return is_integral() || kind_ == Kind::real; }
  bool is_sequence() const { return kind_ == Kind::list || kind_ == Kind::tuple; }

  bool as_bool() const { return integer_ != 0; }
  int64_t as_integer() const { return integer_; }  // of integers and booleans
  double as_real() const;                          // of any number
  bool markup() const { return flag_; }            // of a string: escaped for HTML (Markup)
  const Text& text() const;
  const std::string& str() const;  // of a string
  const std::vector<Value>& items() const;
  const Dict& dict() const;
  Namespace& space() const { return *space_; }
  template <typename T>
  T& object() const {
    return static_cast<T&>(*shared_);
  }
  const std::shared_ptr<Shared>& shared_object() const { return shared_; }
  const void* identity() const;
  int depth() const { return shared_ ? shared_->depth : 0; }

 private:
  Kind kind_ = Kind::none;
  bool flag_ = false;
  union {
    int64_t integer_;
    double real_;
    Namespace* space_;
  };
  std::shared_ptr<Shared> shared_;
};

struct Text : Shared {
  Text(Heap* owner, std::string content);
  std::string bytes;
  size_t length;  // in code points
};

struct Sequence : Shared {
  Sequence(Heap* owner, std::vector<Value> values, bool grouped_pair);
  std::vector<Value> items;
  bool grouped;  // a result of groupby: a pair whose parts are named grouper and list
};

// Ordered by insertion. Filled before it becomes a value, never after (but see Namespace).
struct Dict : Shared {
  explicit Dict(Heap* owner);
  const Value* find(const Value& key) const;
  const Value* find(std::string_view key) const;
  void set(Value key, Value value);
  size_t size() const { return entries.size(); }

  std::vector<std::pair<Value, Value>> entries;

 private:
  size_t position(const Value& key, size_t hash) const;
  std::unordered_multimap<size_t, size_t> index_;  // from hashes, once there are many entries
};

// Objects that can refer to themselves live until the rendering ends.
struct Namespace {
  explicit Namespace(Heap* heap) : attributes(heap) {}
  Dict attributes;
};

struct Range : Shared {
  Range(Heap* owner, int64_t first, int64_t end, int64_t stride);
  int64_t start, stop, step;
  int64_t length;
};

struct View : Shared {
  enum class What { keys, values, items };
  View(Heap* owner, What which, Value of);
  What what;
  Value dict;
};

struct Iterator : Shared {
  using Next = std::function<bool(Value&)>;  // false at the end
  Iterator(Heap* owner, const char* type_name, Next advance, int levels);
  const char* type;
  Next next;
};

struct Callable : Shared {
  using Function = Value (*)(Interpreter&, const Value& self, const Args& args);
  Callable(Heap* owner, std::string function_name, Function body, Value object);
  std::string name;
  Function function;
  Value self;
  bool positional_only = false;  // as most methods of Python's built-in types are
};

struct Cycler : Shared {
  Cycler(Heap* owner, Value of);
  Value items;  // a tuple, not empty
  size_t position = 0;
};

struct Joiner : Shared {
  Joiner(Heap* owner, Value by);
  Value separator;
  bool used = false;
};

bool truthy(const Value& value);
bool equal(const Value& a, const Value& b);
size_t hash_of(const Value& value);  // fails on what Python cannot hash
// Python's name of the value's type.
const char* type_name(const Value& value);
// `TYPE object`, as Jinja's messages about attributes call it.
std::string type_description(const Value& value);

// Fails with what the undefined value is for lack of.
[[noreturn]] void raise_undefined(const Value& value);

}  // namespace tarn::text::jinja
