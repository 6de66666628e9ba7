// Evaluates a syntax tree once.
#pragma once

#include <chrono>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tarn/text/jinja/arguments.h"
#include "tarn/text/jinja/ast.h"
#include "tarn/text/jinja/heap.h"
#include "tarn/text/jinja/value.h"

namespace tarn::text::jinja {

// The variables of one frame: the template, a loop's iteration, a call.
struct Scope {
  Scope* parent = nullptr;
  bool captured = false;  // a macro may come back to it
  std::vector<std::pair<Symbol, Value>> values;

  void set(Symbol name, Value value);
};

struct Macro : Shared {
  Macro(Heap* owner, const Procedure* macro_procedure, Scope* defined_in)
      : Shared(owner, sizeof(Macro), 0), procedure(macro_procedure), closure(defined_in) {}
  const Procedure* procedure;
  Scope* closure;
};
const std::string& macro_name(const Value& macro);

class Interpreter {
 public:
  Interpreter(const Ast& ast, Heap& heap, std::chrono::local_seconds now);
  Interpreter(const Interpreter&) = delete;
  Interpreter& operator=(const Interpreter&) = delete;

  void define(std::string_view name, Value value);
  std::string run();

  Heap& heap() { return heap_; }
  std::chrono::local_seconds now() const { return now_; }
  int line() const { return line_; }  // of what is being evaluated

  Value call(const Value& callee, Args args);
  Value apply_filter(const std::string& name, const Value& input, const Args& args);
  bool apply_test(const std::string& name, const Value& input, const Args& args);
  // loop(iterable) within a recursive loop.
  Value recurse(const Value& loop, const Args& args);

 private:
  enum class Flow { normal, stop, skip };
  struct Level;
  struct NewScope;
  struct Capture;

  // Expressions (interpreter_expressions.cpp).
  Value evaluate(const Expr& expr);
  Value evaluate_name(const Name& node);
  Value evaluate_items(const Items& node);
  Value evaluate_dict(const DictLiteral& node);
  Value evaluate_unary(const Unary& node);
  Value evaluate_binary(const Binary& node);
  Value evaluate_logical(const Binary& node);
  Value evaluate_compare(const Compare& node);
  Value evaluate_concat(const Items& node);
  Value evaluate_conditional(const Conditional& node);
  Value evaluate_item(const Item& node);
  Value evaluate_call(const Call& node, const Value* caller = nullptr);
  Value evaluate_filter(const FilterCall& node);
  Args evaluate_arguments(const Arguments& arguments);
  Value call_macro(const Macro& macro, Args args);
  void bind_parameters(const Procedure& procedure, Args& args);

  // Statements (interpreter.cpp).
  Flow execute(const Body& body);
  Flow execute(const Stmt& stmt);
  void execute_output(const Output& node);
  Flow execute_condition(const Condition& node);
  Flow execute_for(const For& node);
  Flow execute_loop(const For& node, Value iterable, int depth0);
  Flow execute_assign_block(const AssignBlock& node);
  Flow execute_filter_block(const FilterBlock& node);
  Flow execute_with(const With& node);
  Flow execute_scoped(const Scoped& node);
  void execute_call_block(const CallBlock& node);
  Value filtered(const For& node, const Value& iterable);
  void assign(const Target& target, const Value& value);
  void assign_parts(const Target& target, const Value& value);
  void write(const Value& value);
  void write(std::string_view text);

  const Value* find(Symbol name) const;
  Scope* new_scope(Scope* parent);
  void retire(Scope* scope);
  void capture(Scope* scope);

  const Ast& ast_;
  Heap& heap_;
  std::chrono::local_seconds now_;
  std::deque<Scope> scopes_;
  std::vector<Scope*> idle_scopes_;
  Scope* root_;
  Scope* scope_;
  TextBuilder output_;
  TextBuilder* out_;
  const Value* block_text_ = nullptr;  // the input of the filters of a block
  int depth_ = 0;
  int line_ = 1;
};

// Counts one level of evaluation while it lives.
struct Interpreter::Level {
  explicit Level(Interpreter& owner);
  ~Level() { --interpreter.depth_; }
  Level(const Level&) = delete;
  Level& operator=(const Level&) = delete;
  Interpreter& interpreter;
};

// A new scope, current while it lives.
struct Interpreter::NewScope {
  NewScope(Interpreter& owner, Scope* parent);
  ~NewScope();
  NewScope(const NewScope&) = delete;
  NewScope& operator=(const NewScope&) = delete;
  Interpreter& interpreter;
  Scope* outer;
  Scope* scope;
};

// What is written while it lives goes into `text`.
struct Interpreter::Capture {
  explicit Capture(Interpreter& owner);
  ~Capture() { interpreter.out_ = outer; }
  Capture(const Capture&) = delete;
  Capture& operator=(const Capture&) = delete;
  Interpreter& interpreter;
  TextBuilder text;
  TextBuilder* outer;
};

}  // namespace tarn::text::jinja
