#include "tarn/text/jinja/interpreter.h"

#include "tarn/text/jinja/error.h"
#include "tarn/text/jinja/globals.h"
#include "tarn/text/jinja/loop.h"
#include "tarn/text/jinja/operators.h"
#include "tarn/text/jinja/python_format.h"

namespace tarn::text::jinja {

void Scope::set(Symbol name, Value value) {
  for (auto& [symbol, old] : values) {
    if (symbol == name) {
      old = std::move(value);
      return;
    }
  }
  values.emplace_back(name, std::move(value));
}

const std::string& macro_name(const Value& macro) { return macro.object<Macro>().procedure->name; }

Interpreter::Level::Level(Interpreter& owner) : interpreter(owner) {
  if (++interpreter.depth_ > interpreter.heap_.limits().max_depth) {
    --interpreter.depth_;
    raise("evaluation is nested deeper than {} levels: a macro or a loop calls itself too often",
          interpreter.heap_.limits().max_depth);
  }
}

Interpreter::NewScope::NewScope(Interpreter& owner, Scope* parent)
    : interpreter(owner), outer(owner.scope_), scope(owner.new_scope(parent)) {
  interpreter.scope_ = scope;
}

Interpreter::NewScope::~NewScope() {
  interpreter.scope_ = outer;
  interpreter.retire(scope);
}

Interpreter::Capture::Capture(Interpreter& owner)
    : interpreter(owner), text(owner.heap_), outer(owner.out_) {
  interpreter.out_ = &text;
}

Interpreter::Interpreter(const Ast& ast, Heap& heap, std::chrono::local_seconds now)
    : ast_(ast), heap_(heap), now_(now), output_(heap), out_(&output_) {
  root_ = scope_ = new_scope(nullptr);
  root_->captured = true;
}

void Interpreter::define(std::string_view name, Value value) {
  for (size_t i = 0; i < ast_.names.size(); ++i) {
    if (ast_.names[i] == name) root_->set(static_cast<Symbol>(i), std::move(value));
  }
}

std::string Interpreter::run() {
  execute(ast_.body);
  return output_.take();
}

Scope* Interpreter::new_scope(Scope* parent) {
  heap_.step();
  if (idle_scopes_.empty()) {
    heap_.charge(sizeof(Scope));
    idle_scopes_.push_back(&scopes_.emplace_back());
  }
  Scope* scope = idle_scopes_.back();
  idle_scopes_.pop_back();
  scope->parent = parent;
  return scope;
}

void Interpreter::retire(Scope* scope) {
  if (scope->captured) return;
  scope->values.clear();
  idle_scopes_.push_back(scope);
}

void Interpreter::capture(Scope* scope) {
  for (; scope && !scope->captured; scope = scope->parent) scope->captured = true;
}

const Value* Interpreter::find(Symbol name) const {
  for (const Scope* scope = scope_; scope; scope = scope->parent) {
    for (const auto& [symbol, value] : scope->values) {
      if (symbol == name) return &value;
    }
  }
  return nullptr;
}

void Interpreter::write(std::string_view text) {
  if (out_ == &output_ && output_.bytes().size() + text.size() > heap_.limits().max_output) {
    raise("the rendering exceeds {} bytes", heap_.limits().max_output);
  }
  out_->append(text);
}

void Interpreter::write(const Value& value) {
  if (value.is_string()) return write(value.str());
  if (!value.is_undefined()) write(to_str(heap_, value));
}

Interpreter::Flow Interpreter::execute(const Body& body) {
  for (const StmtPtr& stmt : body) {
    const Flow flow = execute(*stmt);
    if (flow != Flow::normal) return flow;
  }
  return Flow::normal;
}

Interpreter::Flow Interpreter::execute(const Stmt& stmt) {
  const Level level(*this);
  heap_.step();
  line_ = stmt.line;
  switch (stmt.kind) {
    case StmtKind::text:
      write(static_cast<const TextStmt&>(stmt).text);
      break;
    case StmtKind::output:
      execute_output(static_cast<const Output&>(stmt));
      break;
    case StmtKind::assign: {
      const auto& node = static_cast<const Assign&>(stmt);
      assign(node.target, evaluate(*node.value));
      break;
    }
    case StmtKind::macro: {
      const auto& node = static_cast<const MacroStmt&>(stmt);
      capture(scope_);
      scope_->set(node.symbol, heap_.make<Macro>(Kind::macro, &node.procedure, scope_));
      break;
    }
    case StmtKind::call_block:
      execute_call_block(static_cast<const CallBlock&>(stmt));
      break;
    case StmtKind::condition:
      return execute_condition(static_cast<const Condition&>(stmt));
    case StmtKind::loop:
      return execute_for(static_cast<const For&>(stmt));
    case StmtKind::assign_block:
      return execute_assign_block(static_cast<const AssignBlock&>(stmt));
    case StmtKind::filter_block:
      return execute_filter_block(static_cast<const FilterBlock&>(stmt));
    case StmtKind::with:
      return execute_with(static_cast<const With&>(stmt));
    case StmtKind::scope:
      return execute_scoped(static_cast<const Scoped&>(stmt));
    case StmtKind::stop:
      return Flow::stop;
    case StmtKind::skip:
      return Flow::skip;
    case StmtKind::unsupported:
      raise("'{}' needs another template, and a chat template stands alone: put its text here",
            static_cast<const Unsupported&>(stmt).what);
  }
  return Flow::normal;
}

void Interpreter::execute_output(const Output& node) {
  for (const ExprPtr& value : node.values) write(evaluate(*value));
}

Interpreter::Flow Interpreter::execute_condition(const Condition& node) {
  for (const auto& [condition, body] : node.branches) {
    if (truthy(evaluate(*condition))) return execute(body);
  }
  return execute(node.otherwise);
}

Interpreter::Flow Interpreter::execute_for(const For& node) {
  Value iterable = evaluate(*node.iterable);
  line_ = node.line;
  if (!node.recursive) return execute_loop(node, std::move(iterable), 0);
  const Capture captured(*this);
  execute_loop(node, std::move(iterable), 0);
  captured.outer->append(captured.text.bytes());
  return Flow::normal;
}

// The items that pass the loop's `if`, found as the loop asks for them.
Value Interpreter::filtered(const For& node, const Value& iterable) {
  capture(scope_);
  Scope* around = scope_;
  auto next = [this, &node, around, cursor = Cursor(heap_, iterable)](Value& out) mutable {
    while (cursor.next(out)) {
      const NewScope scope(*this, around);
      assign(node.target, out);
      if (truthy(evaluate(*node.condition))) return true;
    }
    return false;
  };
  return heap_.iterator("generator", std::move(next), iterable);
}

Interpreter::Flow Interpreter::execute_loop(const For& node, Value iterable, int depth0) {
  const Level level(*this);
  if (node.condition) iterable = filtered(node, iterable);
  const Value loop_value =
      heap_.make<Loop>(Kind::loop, iterable, node.recursive ? &node : nullptr, scope_, depth0);
  struct Finish {
    Loop& loop;
    ~Finish() { loop.finish(); }
  } const finish{loop_value.object<Loop>()};
  if (node.recursive) capture(scope_);
  // Jinja notes that the loop ran at the end of the body, so a `break` or `continue` on the way
  // leaves the else branch to be taken.
  bool completed = false;
  for (Value item; finish.loop.advance(item);) {
    const NewScope scope(*this, scope_);
    assign(node.target, item);
    scope_->set(kLoop, loop_value);
    const Flow flow = execute(node.body);
    if (flow == Flow::stop) break;
    completed = completed || flow == Flow::normal;
  }
  if (completed || node.otherwise.empty()) return Flow::normal;
  const NewScope scope(*this, scope_);
  return execute(node.otherwise);
}

Interpreter::Flow Interpreter::execute_assign_block(const AssignBlock& node) {
  Value value;
  {
    const NewScope scope(*this, scope_);
    Capture captured(*this);
    const Flow flow = execute(node.body);
    if (flow != Flow::normal) return flow;
    value = heap_.text(captured.text.take());
    if (node.filter) {
      const Value* outer = std::exchange(block_text_, &value);
      Value result = evaluate(*node.filter);
      block_text_ = outer;
      value = std::move(result);
    }
  }
  assign(node.target, value);
  return Flow::normal;
}

Interpreter::Flow Interpreter::execute_filter_block(const FilterBlock& node) {
  Value value;
  {
    const NewScope scope(*this, scope_);
    Capture captured(*this);
    const Flow flow = execute(node.body);
    if (flow != Flow::normal) return flow;
    value = heap_.text(captured.text.take());
    const Value* outer = std::exchange(block_text_, &value);
    Value result = evaluate(*node.filter);
    block_text_ = outer;
    value = std::move(result);
  }
  write(value);
  return Flow::normal;
}

Interpreter::Flow Interpreter::execute_with(const With& node) {
  std::vector<Value> values;
  for (const auto& [target, expr] : node.bindings) values.push_back(evaluate(*expr));
  const NewScope scope(*this, scope_);
  for (size_t i = 0; i < values.size(); ++i) assign(node.bindings[i].first, values[i]);
  return execute(node.body);
}

Interpreter::Flow Interpreter::execute_scoped(const Scoped& node) {
  const NewScope scope(*this, node.from_root ? root_ : scope_);
  return execute(node.body);
}

void Interpreter::execute_call_block(const CallBlock& node) {
  capture(scope_);
  const Value caller = heap_.make<Macro>(Kind::macro, &node.procedure, scope_);
  write(evaluate_call(*node.call, &caller));
}

void Interpreter::assign(const Target& target, const Value& value) {
  switch (target.what) {
    case Target::What::name:
      scope_->set(target.symbol, value);
      break;
    case Target::What::attribute: {
      const Value* object = find(target.symbol);
      if (!object) raise("'{}' is undefined", ast_.names[static_cast<size_t>(target.symbol)]);
      if (!object->is(Kind::name_space)) raise("cannot assign attribute on non-namespace object");
      object->space().attributes.set(heap_.text(target.attribute), value);
      break;
    }
    case Target::What::tuple:
      assign_parts(target, value);
      break;
  }
}

void Interpreter::assign_parts(const Target& target, const Value& value) {
  const Level level(*this);
  if (!is_iterable(value)) raise("cannot unpack non-iterable {} object", type_name(value));
  const size_t wanted = target.parts.size();
  Cursor cursor(heap_, value);
  std::vector<Value> items;
  Value item;
  while (items.size() < wanted && cursor.next(item)) items.push_back(item);
  if (items.size() < wanted) {
    raise("not enough values to unpack (expected {}, got {})", wanted, items.size());
  }
  if (cursor.next(item)) raise("too many values to unpack (expected {})", wanted);
  for (size_t i = 0; i < wanted; ++i) assign(target.parts[i], items[i]);
}

}  // namespace tarn::text::jinja
