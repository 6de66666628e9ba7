#include "tarn/text/jinja/error.h"
#include "tarn/text/jinja/filters.h"
#include "tarn/text/jinja/interpreter.h"
#include "tarn/text/jinja/loop.h"
#include "tarn/text/jinja/operators.h"
#include "tarn/text/jinja/python_format.h"
#include "tarn/text/jinja/tests.h"

namespace tarn::text::jinja {

Value Interpreter::evaluate(const Expr& expr) {
  const Level level(*this);
  heap_.step();
  line_ = expr.line;
  switch (expr.kind) {
    case ExprKind::constant:
      return static_cast<const Constant&>(expr).value;
    case ExprKind::name:
      return evaluate_name(static_cast<const Name&>(expr));
    case ExprKind::list:
    case ExprKind::tuple:
      return evaluate_items(static_cast<const Items&>(expr));
    case ExprKind::dict:
      return evaluate_dict(static_cast<const DictLiteral&>(expr));
    case ExprKind::unary:
      return evaluate_unary(static_cast<const Unary&>(expr));
    case ExprKind::binary:
      return evaluate_binary(static_cast<const Binary&>(expr));
    case ExprKind::logical:
      return evaluate_logical(static_cast<const Binary&>(expr));
    case ExprKind::compare:
      return evaluate_compare(static_cast<const Compare&>(expr));
    case ExprKind::concat:
      return evaluate_concat(static_cast<const Items&>(expr));
    case ExprKind::conditional:
      return evaluate_conditional(static_cast<const Conditional&>(expr));
    case ExprKind::attribute: {
      const auto& node = static_cast<const Attribute&>(expr);
      const Value object = evaluate(*node.object);
      line_ = node.line;
      return get_attribute(*this, object, node.name);
    }
    case ExprKind::item:
      return evaluate_item(static_cast<const Item&>(expr));
    case ExprKind::call:
      return evaluate_call(static_cast<const Call&>(expr));
    case ExprKind::filter:
      return evaluate_filter(static_cast<const FilterCall&>(expr));
    case ExprKind::test: {
      const auto& node = static_cast<const FilterCall&>(expr);
      const Value input = evaluate(*node.input);
      const Args args = evaluate_arguments(node.arguments);
      line_ = node.line;
      return Value::boolean(apply_test(node.name, input, args));
    }
    case ExprKind::slice:
      break;  // only ever below an item
  }
  raise("a slice stands outside of brackets");
}

Value Interpreter::evaluate_name(const Name& node) {
  if (const Value* value = find(node.symbol)) return *value;
  return heap_.undefined(
      fmt::format("'{}' is undefined", ast_.names[static_cast<size_t>(node.symbol)]));
}

Value Interpreter::evaluate_items(const Items& node) {
  std::vector<Value> items;
  items.reserve(node.items.size());
  for (const ExprPtr& item : node.items) items.push_back(evaluate(*item));
  return node.kind == ExprKind::list ? heap_.list(std::move(items)) : heap_.tuple(std::move(items));
}

Value Interpreter::evaluate_dict(const DictLiteral& node) {
  auto dict = heap_.new_dict();
  for (const auto& [key, value] : node.entries) {
    Value key_value = evaluate(*key);
    dict->set(std::move(key_value), evaluate(*value));
  }
  return heap_.dict(std::move(dict));
}

Value Interpreter::evaluate_unary(const Unary& node) {
  const Value operand = evaluate(*node.operand);
  line_ = node.line;
  if (node.op == Operator::logical_not) return Value::boolean(!truthy(operand));
  return negated(operand, node.op);
}

Value Interpreter::evaluate_binary(const Binary& node) {
  const Value left = evaluate(*node.left);
  const Value right = evaluate(*node.right);
  line_ = node.line;
  return arithmetic(heap_, node.op, left, right);
}

Value Interpreter::evaluate_logical(const Binary& node) {
  Value left = evaluate(*node.left);
  const bool decided = truthy(left) == (node.op == Operator::logical_or);
  return decided ? left : evaluate(*node.right);
}

Value Interpreter::evaluate_compare(const Compare& node) {
  Value left = evaluate(*node.first);
  for (const auto& [op, operand] : node.rest) {
    Value right = evaluate(*operand);
    line_ = node.line;
    if (!compare(heap_, op, left, right)) return Value::boolean(false);
    left = std::move(right);
  }
  return Value::boolean(true);
}

Value Interpreter::evaluate_concat(const Items& node) {
  TextBuilder out(heap_);
  for (const ExprPtr& item : node.items) append_str(out, evaluate(*item));
  return heap_.text(out.take());
}

Value Interpreter::evaluate_conditional(const Conditional& node) {
  if (truthy(evaluate(*node.condition))) return evaluate(*node.then);
  if (node.otherwise) return evaluate(*node.otherwise);
  return heap_.undefined(
      fmt::format("the inline if-expression on line {} evaluated to false and no else section was "
                  "defined.",
                  node.line));
}

Value Interpreter::evaluate_item(const Item& node) {
  const Value object = evaluate(*node.object);
  if (node.key->kind != ExprKind::slice) {
    const Value key = evaluate(*node.key);
    line_ = node.line;
    return get_item(*this, object, key);
  }
  const auto& slice = static_cast<const Slice&>(*node.key);
  const auto part = [&](const ExprPtr& expr) { return expr ? evaluate(*expr) : Value(); };
  const Value start = part(slice.start);
  const Value stop = part(slice.stop);
  const Value step = part(slice.step);
  line_ = node.line;
  return get_slice(heap_, object, start, stop, step);
}

Args Interpreter::evaluate_arguments(const Arguments& arguments) {
  Args args;
  args.positional.reserve(arguments.positional.size());
  for (const ExprPtr& expr : arguments.positional) args.positional.push_back(evaluate(*expr));
  for (const auto& [name, expr] : arguments.named) args.named.emplace_back(name, evaluate(*expr));
  if (arguments.star) {
    for (Value& item : collect(heap_, evaluate(*arguments.star))) {
      args.positional.push_back(std::move(item));
    }
  }
  if (arguments.star_star) {
    const Value mapping = evaluate(*arguments.star_star);
    if (!mapping.is(Kind::dict)) raise("argument after ** must be a mapping");
    for (const auto& [key, value] : mapping.dict().entries) {
      if (!key.is_string()) raise("keywords must be strings");
      if (args.find(key.str())) raise("got multiple values for keyword argument '{}'", key.str());
      args.named.emplace_back(key.str(), value);
    }
  }
  return args;
}

Value Interpreter::evaluate_call(const Call& node, const Value* caller) {
  const Value callee = evaluate(*node.callee);
  Args args = evaluate_arguments(node.arguments);
  if (caller) {
    if (args.find("caller")) raise("got multiple values for keyword argument 'caller'");
    args.named.emplace_back("caller", *caller);
  }
  line_ = node.line;
  Value result = call(callee, std::move(args));
  line_ = node.line;
  return result;
}

Value Interpreter::call(const Value& callee, Args args) {
  const Level level(*this);
  heap_.step();
  switch (callee.kind()) {
    case Kind::undefined:
      raise_undefined(callee);
    case Kind::macro:
      return call_macro(callee.object<Macro>(), std::move(args));
    case Kind::loop:
      return recurse(callee, args);
    case Kind::callable: {
      const Callable& function = callee.object<Callable>();
      if (function.positional_only && !args.named.empty()) {
        raise("{}() takes no keyword arguments", function.name);
      }
      return function.function(*this, function.self, args);
    }
    case Kind::joiner: {
      const Bound none("joiner", args, {});
      Joiner& joiner = callee.object<Joiner>();
      return std::exchange(joiner.used, true) ? joiner.separator : heap_.text({});
    }
    default:
      raise("'{}' object is not callable", type_name(callee));
  }
}

Value Interpreter::call_macro(const Macro& macro, Args args) {
  const NewScope scope(*this, macro.closure);
  bind_parameters(*macro.procedure, args);
  Capture captured(*this);
  execute(macro.procedure->body);
  return heap_.text(captured.text.take());
}

// Positional arguments first, then named ones, then defaults, which may mention the parameters
// before them.
void Interpreter::bind_parameters(const Procedure& procedure, Args& args) {
  const size_t count = procedure.parameters.size();
  const size_t required = count - procedure.defaults.size();
  const auto take = [&](std::string_view name) -> std::optional<Value> {
    for (auto it = args.named.begin(); it != args.named.end(); ++it) {
      if (it->first != name) continue;
      Value value = std::move(it->second);
      args.named.erase(it);
      return value;
    }
    return std::nullopt;
  };
  std::vector<std::optional<Value>> values(count);
  for (size_t i = 0; i < count; ++i) {
    const std::string& name = ast_.names[static_cast<size_t>(procedure.parameters[i])];
    values[i] = i < args.positional.size() ? args.positional[i] : take(name);
  }
  if (procedure.uses_caller) {
    auto caller = take("caller");
    scope_->set(kCaller,
                caller && !caller->is_none() ? *caller : heap_.undefined("No caller defined"));
  }
  if (procedure.uses_kwargs) {
    auto kwargs = heap_.new_dict();
    for (auto& [name, value] : args.named) kwargs->set(heap_.text(name), value);
    scope_->set(kKwargs, heap_.dict(std::move(kwargs)));
  } else if (!args.named.empty()) {
    raise("macro '{}' takes no keyword argument '{}'", procedure.name, args.named.front().first);
  }
  if (procedure.uses_varargs) {
    const size_t rest = std::min(count, args.positional.size());
    const auto begin = args.positional.begin() + static_cast<std::ptrdiff_t>(rest);
    scope_->set(kVarargs, heap_.tuple({begin, args.positional.end()}));
  } else if (args.positional.size() > count) {
    raise("macro '{}' takes not more than {} argument(s)", procedure.name, count);
  }
  for (size_t i = 0; i < count; ++i) {
    if (values[i]) scope_->set(procedure.parameters[i], std::move(*values[i]));
  }
  for (size_t i = 0; i < count; ++i) {
    if (i < args.positional.size() || values[i]) continue;
    const std::string& name = ast_.names[static_cast<size_t>(procedure.parameters[i])];
    scope_->set(procedure.parameters[i],
                i >= required
                    ? evaluate(*procedure.defaults[i - required])
                    : heap_.undefined(fmt::format("parameter '{}' was not provided", name)));
  }
}

Value Interpreter::recurse(const Value& value, const Args& args) {
  const Bound bound("loop", args, {"iterable"}, 1);
  const Loop& loop = value.object<Loop>();
  if (!loop.node) {
    raise("The loop must have the 'recursive' marker to be called recursively.");
  }
  Scope* outer = std::exchange(scope_, loop.scope);
  struct Restore {
    Scope*& current;
    Scope* previous;
    ~Restore() { current = previous; }
  } const restore{scope_, outer};
  Capture captured(*this);
  execute_loop(*loop.node, *bound[0], loop.depth0 + 1);
  return heap_.text(captured.text.take());
}

Value Interpreter::evaluate_filter(const FilterCall& node) {
  const Value input = node.input ? evaluate(*node.input) : *block_text_;
  const Args args = evaluate_arguments(node.arguments);
  line_ = node.line;
  Value result = apply_filter(node.name, input, args);
  line_ = node.line;
  return result;
}

Value Interpreter::apply_filter(const std::string& name, const Value& input, const Args& args) {
  const Filter filter = find_filter(name);
  if (!filter) raise("No filter named '{}' found.", name);
  heap_.step();
  return filter(*this, input, args);
}

bool Interpreter::apply_test(const std::string& name, const Value& input, const Args& args) {
  const Test test = find_test(name);
  if (!test) raise("No test named '{}' found.", name);
  heap_.step();
  return test(*this, input, args);
}

}  // namespace tarn::text::jinja
