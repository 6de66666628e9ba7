#include "tarn/text/jinja/methods.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <unordered_map>

#include "tarn/text/jinja/error.h"
#include "tarn/text/jinja/loop.h"
#include "tarn/text/jinja/operators.h"
#include "tarn/text/jinja/python_format.h"

namespace tarn::text::jinja {
namespace {

using Function = Callable::Function;
using Index = std::unordered_map<std::string_view, Function>;

Index index_of(std::initializer_list<MethodTable> tables) {
  Index index;
  for (const MethodTable& table : tables) {
    for (const auto& [name, function] : table) index.emplace(name, function);
  }
  return index;
}

Value view(Interpreter& interpreter, const Value& self, const Args& args, View::What what) {
  const Bound none("dict view", args, {});
  return interpreter.heap().make<View>(Kind::view, what, self);
}

const Index& dict_methods() {
  static const Index index = index_of({{
      {"get",
       [](Interpreter&, const Value& self, const Args& args) {
         const Bound bound("get", args, {"key", "default"}, 1);
         const Value* value = self.dict().find(*bound[0]);
         return value ? *value : bound.given(1) ? *bound[1] : Value();
       }},
      {"items", [](Interpreter& interpreter, const Value& self,
                   const Args& args) { return view(interpreter, self, args, View::What::items); }},
      {"keys", [](Interpreter& interpreter, const Value& self,
                  const Args& args) { return view(interpreter, self, args, View::What::keys); }},
      {"values",
       [](Interpreter& interpreter, const Value& self, const Args& args) {
         return view(interpreter, self, args, View::What::values);
       }},
      {"copy", [](Interpreter&, const Value& self, const Args&) { return self; }},
      {"fromkeys",
       [](Interpreter& interpreter, const Value&, const Args& args) {
         const Bound bound("fromkeys", args, {"iterable", "value"}, 1);
         auto dict = interpreter.heap().new_dict();
         for (const Value& key : collect(interpreter.heap(), *bound[0])) {
           dict->set(key, bound.given(1) ? *bound[1] : Value());
         }
         return interpreter.heap().dict(std::move(dict));
       }},
  }});
  return index;
}

Value find_item(Interpreter& interpreter, const Value& self, const Args& args) {
  const Bound bound("index", args, {"value", "start", "stop"}, 1);
  const std::vector<Value> items = collect(interpreter.heap(), self);
  const auto size = static_cast<int64_t>(items.size());
  const auto clamp = [&](int64_t i) { return std::clamp(i < 0 ? i + size : i, int64_t{0}, size); };
  const int64_t stop = clamp(bound.integer(2, size));
  for (int64_t i = clamp(bound.integer(1, 0)); i < stop; ++i) {
    if (equal(items[static_cast<size_t>(i)], *bound[0])) return Value::integer(i);
  }
  raise("{} is not in {}", to_repr(interpreter.heap(), *bound[0]), type_name(self));
}

Value count_item(Interpreter& interpreter, const Value& self, const Args& args) {
  const Bound bound("count", args, {"value"}, 1);
  int64_t count = 0;
  Cursor cursor(interpreter.heap(), self);
  for (Value item; cursor.next(item);) count += equal(item, *bound[0]);
  return Value::integer(count);
}

const Index& sequence_methods() {
  static const Index index = index_of({{{"index", find_item}, {"count", count_item}}});
  return index;
}

const Index& list_methods() {
  static const Index index = index_of({{
      {"index", find_item},
      {"count", count_item},
      {"copy", [](Interpreter&, const Value& self, const Args&) { return self; }},
  }});
  return index;
}

const Index& loop_methods() {
  static const Index index = index_of({{
      {"cycle",
       [](Interpreter&, const Value& self, const Args& args) {
         if (args.positional.empty()) raise("no items for cycling given");
         const auto at = static_cast<size_t>(self.object<Loop>().index0);
         return args.positional[at % args.positional.size()];
       }},
      {"changed",
       [](Interpreter&, const Value& self, const Args& args) {
         Loop& loop = self.object<Loop>();
         const auto& now = args.positional;
         const bool same = loop.changed && std::equal(now.begin(), now.end(), loop.changed->begin(),
                                                      loop.changed->end(), equal);
         loop.changed = now;
         return Value::boolean(!same);
       }},
  }});
  return index;
}

const Index& cycler_methods() {
  static const Index index = index_of({{
      {"next",
       [](Interpreter&, const Value& self, const Args&) {
         Cycler& cycler = self.object<Cycler>();
         const auto& items = cycler.items.items();
         const Value value = items[cycler.position];
         cycler.position = (cycler.position + 1) % items.size();
         return value;
       }},
      {"reset",
       [](Interpreter&, const Value& self, const Args&) {
         self.object<Cycler>().position = 0;
         return Value();
       }},
  }});
  return index;
}

const Index& integer_methods() {
  static const Index index = index_of({{
      {"bit_length",
       [](Interpreter&, const Value& self, const Args&) {
         const int64_t i = self.as_integer();
         uint64_t rest = i < 0 ? uint64_t{0} - static_cast<uint64_t>(i) : static_cast<uint64_t>(i);
         int64_t bits = 0;
         for (; rest; rest >>= 1) ++bits;
         return Value::integer(bits);
       }},
      {"conjugate", [](Interpreter&, const Value& self,
                       const Args&) { return Value::integer(self.as_integer()); }},
  }});
  return index;
}

const Index& real_methods() {
  static const Index index = index_of({{
      {"is_integer",
       [](Interpreter&, const Value& self, const Args&) {
         const double value = self.as_real();
         return Value::boolean(std::isfinite(value) && std::floor(value) == value);
       }},
      {"conjugate", [](Interpreter&, const Value& self, const Args&) { return self; }},
  }});
  return index;
}

const Index& string_methods() {
  static const Index index = index_of({text_methods(), text_predicates()});
  return index;
}

const Index* methods_of(const Value& object) {
  switch (object.kind()) {
    case Kind::string:
      return &string_methods();
    case Kind::dict:
      return &dict_methods();
    case Kind::list:
      return &list_methods();
    case Kind::tuple:
    case Kind::range:
      return &sequence_methods();
    case Kind::boolean:
    case Kind::integer:
      return &integer_methods();
    case Kind::real:
      return &real_methods();
    case Kind::loop:
      return &loop_methods();
    case Kind::cycler:
      return &cycler_methods();
    default:
      return nullptr;
  }
}

bool one_of(std::string_view name, std::initializer_list<std::string_view> names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// What would change a value that the caller shares with the template.
bool mutates(const Value& object, std::string_view name) {
  if (object.is(Kind::list)) {
    return one_of(name,
                  {"append", "clear", "pop", "reverse", "insert", "sort", "extend", "remove"});
  }
  return object.is(Kind::dict) && one_of(name, {"clear", "pop", "popitem", "setdefault", "update"});
}

// Names with two underscores that every Python object has; the sandbox shows none of them.
bool internal(std::string_view name) {
  return name.size() > 4 && name.starts_with("__") &&
         one_of(name,
                {"__class__",   "__delattr__", "__dir__",           "__doc__",         "__eq__",
                 "__format__",  "__ge__",      "__getattribute__",  "__getstate__",    "__gt__",
                 "__hash__",    "__init__",    "__init_subclass__", "__le__",          "__lt__",
                 "__ne__",      "__new__",     "__reduce__",        "__reduce_ex__",   "__repr__",
                 "__setattr__", "__sizeof__",  "__str__",           "__subclasshook__"});
}

std::optional<Value> loop_property(Heap& heap, Loop& loop, std::string_view name) {
  if (name == "index") return Value::integer(loop.index0 + 1);
  if (name == "index0") return Value::integer(loop.index0);
  if (name == "first") return Value::boolean(loop.index0 == 0);
  if (name == "last") return Value::boolean(loop.peek() == nullptr);
  if (name == "length") return Value::integer(loop.length());
  if (name == "revindex") return Value::integer(loop.length() - loop.index0);
  if (name == "revindex0") return Value::integer(loop.length() - loop.index0 - 1);
  if (name == "depth") return Value::integer(loop.depth0 + 1);
  if (name == "depth0") return Value::integer(loop.depth0);
  if (name == "previtem") {
    return loop.index0 == 0 ? heap.undefined("there is no previous item") : loop.previous;
  }
  if (name == "nextitem") {
    const Value* next = loop.peek();
    return next ? *next : heap.undefined("there is no next item");
  }
  return std::nullopt;
}

std::optional<Value> macro_property(Heap& heap, const Procedure& macro, std::string_view name) {
  if (name == "name") return heap.text(macro.name);
  if (name == "catch_kwargs") return Value::boolean(macro.uses_kwargs);
  if (name == "catch_varargs") return Value::boolean(macro.uses_varargs);
  if (name == "caller") return Value::boolean(macro.uses_caller);
  return std::nullopt;
}

std::optional<Value> property(Interpreter& interpreter, const Value& object,
                              std::string_view name) {
  switch (object.kind()) {
    case Kind::loop:
      return loop_property(interpreter.heap(), object.object<Loop>(), name);
    case Kind::macro:
      return macro_property(interpreter.heap(), *object.object<Macro>().procedure, name);
    case Kind::tuple:
      if (!object.object<Sequence>().grouped) return std::nullopt;
      if (name == "grouper") return object.items()[0];
      if (name == "list") return object.items()[1];
      return std::nullopt;
    case Kind::cycler: {
      const Cycler& cycler = object.object<Cycler>();
      if (name == "current") return cycler.items.items()[cycler.position];
      if (name == "items") return cycler.items;
      if (name == "pos") return Value::integer(static_cast<int64_t>(cycler.position));
      return std::nullopt;
    }
    case Kind::range: {
      const Range& range = object.object<Range>();
      if (name == "start") return Value::integer(range.start);
      if (name == "stop") return Value::integer(range.stop);
      if (name == "step") return Value::integer(range.step);
      return std::nullopt;
    }
    case Kind::boolean:
    case Kind::integer:
      if (one_of(name, {"real", "numerator"})) return Value::integer(object.as_integer());
      if (name == "imag") return Value::integer(0);
      if (name == "denominator") return Value::integer(1);
      return std::nullopt;
    case Kind::real:
      if (name == "real") return object;
      if (name == "imag") return Value::real(0);
      return std::nullopt;
    default:
      return std::nullopt;
  }
}

}  // namespace

std::optional<Value> find_attribute(Interpreter& interpreter, const Value& object,
                                    std::string_view name) {
  Heap& heap = interpreter.heap();
  const auto unsafe = [&] {
    return heap.undefined(
        fmt::format("access to attribute '{}' of '{}' object is unsafe.", name, type_name(object)));
  };
  if (object.is(Kind::name_space)) {
    const Value* value = object.space().attributes.find(name);
    if (value) return name.starts_with("_") ? unsafe() : *value;
    return name == "__class__" ? std::optional(unsafe()) : std::nullopt;
  }
  if (mutates(object, name) || internal(name)) return unsafe();
  if (const Index* methods = methods_of(object)) {
    const auto found = methods->find(name);
    if (found != methods->end()) {
      Value method = heap.callable(std::string(name), found->second, object);
      method.object<Callable>().positional_only =
          !one_of(name, {"split", "rsplit", "splitlines", "expandtabs", "replace", "format"});
      return method;
    }
  }
  return property(interpreter, object, name);
}

}  // namespace tarn::text::jinja
