#include "tarn/text/jinja/tests.h"

#include <unordered_map>

#include "tarn/text/jinja/error.h"
#include "tarn/text/jinja/filters.h"
#include "tarn/text/jinja/methods.h"
#include "tarn/text/jinja/operators.h"
#include "tarn/text/jinja/python_format.h"

namespace tarn::text::jinja {
namespace {

template <Kind kind>
bool is_kind(Interpreter&, const Value& value, const Args& args) {
  const Bound none("test", args, {});
  return value.is(kind);
}

template <Operator op>
bool compares(Interpreter& interpreter, const Value& value, const Args& args) {
  const Bound bound("comparison", args, {"other"}, 1);
  return compare(interpreter.heap(), op, value, *bound[0]);
}

bool remainder_is(Interpreter& interpreter, const Value& value, int64_t divisor, int64_t rest) {
  const Value result =
      arithmetic(interpreter.heap(), Operator::modulo, value, Value::integer(divisor));
  return equal(result, Value::integer(rest));
}

bool divisible(Interpreter& interpreter, const Value& value, const Args& args) {
  const Bound bound("divisibleby", args, {"num"}, 1);
  const Value rest = arithmetic(interpreter.heap(), Operator::modulo, value, *bound[0]);
  return equal(rest, Value::integer(0));
}

// str.islower and its kin, of the printed value.
bool asks(Interpreter& interpreter, const Value& value, const char* predicate) {
  const Value text = interpreter.heap().text(to_str(interpreter.heap(), value));
  return truthy(interpreter.call(get_attribute(interpreter, text, predicate), {}));
}

bool is_sequence(Interpreter&, const Value& value, const Args&) {
  switch (value.kind()) {
    case Kind::undefined:
    case Kind::string:
    case Kind::list:
    case Kind::tuple:
    case Kind::dict:
    case Kind::range:
      return true;
    default:
      return false;
  }
}

bool is_callable(Interpreter&, const Value& value, const Args&) {
  switch (value.kind()) {
    case Kind::undefined:
    case Kind::callable:
    case Kind::macro:
    case Kind::loop:
    case Kind::joiner:
      return true;
    default:
      return false;
  }
}

bool same_as(Interpreter&, const Value& value, const Args& args) {
  const Bound bound("sameas", args, {"other"}, 1);
  const Value& other = *bound[0];
  if (value.kind() != other.kind()) return false;
  switch (value.kind()) {
    case Kind::none:
      return true;
    case Kind::boolean:
      return value.as_bool() == other.as_bool();
    case Kind::integer:
      return value.as_integer() == other.as_integer();
    case Kind::real:
      return false;
    default:
      return value.identity() == other.identity();
  }
}

const std::unordered_map<std::string_view, Test>& table() {
  using In = Interpreter;
  using V = const Value;
  using A = const Args;
  static const auto* const tests = new std::unordered_map<std::string_view, Test>{
      {"odd", [](In& i, V& v, A&) { return remainder_is(i, v, 2, 1); }},
      {"even", [](In& i, V& v, A&) { return remainder_is(i, v, 2, 0); }},
      {"divisibleby", divisible},
      {"defined", [](In&, V& v, A&) { return !v.is_undefined(); }},
      {"undefined", is_kind<Kind::undefined>},
      {"filter", [](In&, V& v, A&) { return v.is_string() && find_filter(v.str()); }},
      {"test", [](In&, V& v, A&) { return v.is_string() && find_test(v.str()); }},
      {"none", is_kind<Kind::none>},
      {"boolean", is_kind<Kind::boolean>},
      {"false", [](In&, V& v, A&) { return v.is(Kind::boolean) && !v.as_bool(); }},
      {"true", [](In&, V& v, A&) { return v.is(Kind::boolean) && v.as_bool(); }},
      {"integer", is_kind<Kind::integer>},
      {"float", is_kind<Kind::real>},
      {"lower", [](In& i, V& v, A&) { return asks(i, v, "islower"); }},
      {"upper", [](In& i, V& v, A&) { return asks(i, v, "isupper"); }},
      {"string", is_kind<Kind::string>},
      {"mapping", is_kind<Kind::dict>},
      {"number", [](In&, V& v, A&) { return v.is_number(); }},
      {"sequence", is_sequence},
      {"iterable", [](In&, V& v, A&) { return is_iterable(v); }},
      {"callable", is_callable},
      {"sameas", same_as},
      {"escaped", [](In&, V& v, A&) { return v.is_string() && v.markup(); }},
      {"in", compares<Operator::in>},
      {"==", compares<Operator::equal>},
      {"eq", compares<Operator::equal>},
      {"equalto", compares<Operator::equal>},
      {"!=", compares<Operator::not_equal>},
      {"ne", compares<Operator::not_equal>},
      {">", compares<Operator::greater>},
      {"gt", compares<Operator::greater>},
      {"greaterthan", compares<Operator::greater>},
      {"ge", compares<Operator::greater_equal>},
      {">=", compares<Operator::greater_equal>},
      {"<", compares<Operator::less>},
      {"lt", compares<Operator::less>},
      {"lessthan", compares<Operator::less>},
      {"<=", compares<Operator::less_equal>},
      {"le", compares<Operator::less_equal>},
  };
  return *tests;
}

}  // namespace

Test find_test(std::string_view name) {
  const auto found = table().find(name);
  return found == table().end() ? nullptr : found->second;
}

}  // namespace tarn::text::jinja
