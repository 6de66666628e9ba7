// The syntax tree. Expressions and statements are tagged; the evaluator switches on the tag. Names
// are numbers into Ast::names. Depth is bounded by the parser, so destruction may recurse.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tarn/text/jinja/value.h"

namespace tarn::text::jinja {

using Symbol = int;

enum class ExprKind : uint8_t {
  constant,
  name,
  list,
  tuple,
  dict,
  unary,
  binary,
  logical,
  compare,
  concat,
  conditional,
  attribute,
  item,
  slice,
  call,
  filter,
  test,
};

enum class Operator : uint8_t {
  add,
  subtract,
  multiply,
  divide,
  floor_divide,
  modulo,
  power,
  negate,
  plus,
  logical_not,
  logical_and,
  logical_or,
  equal,
  not_equal,
  less,
  less_equal,
  greater,
  greater_equal,
  in,
  not_in,
};

struct Expr {
  Expr(ExprKind expr_kind, int at) : kind(expr_kind), line(at) {}
  virtual ~Expr() = default;
  ExprKind kind;
  int line;
  int depth = 1;
};
using ExprPtr = std::unique_ptr<Expr>;
using ExprList = std::vector<ExprPtr>;

struct Constant : Expr {
  Constant(Value v, int at) : Expr(ExprKind::constant, at), value(std::move(v)) {}
  Value value;
};
struct Name : Expr {
  Name(Symbol s, int at) : Expr(ExprKind::name, at), symbol(s) {}
  Symbol symbol;
};
struct Items : Expr {  // list, tuple or concat
  using Expr::Expr;
  ExprList items;
};
struct DictLiteral : Expr {
  explicit DictLiteral(int at) : Expr(ExprKind::dict, at) {}
  std::vector<std::pair<ExprPtr, ExprPtr>> entries;
};
struct Unary : Expr {
  Unary(Operator o, int at) : Expr(ExprKind::unary, at), op(o) {}
  Operator op;
  ExprPtr operand;
};
struct Binary : Expr {  // binary or logical
  Binary(ExprKind k, Operator o, int at) : Expr(k, at), op(o) {}
  Operator op;
  ExprPtr left, right;
};
struct Compare : Expr {  // a < b < c
  explicit Compare(int at) : Expr(ExprKind::compare, at) {}
  ExprPtr first;
  std::vector<std::pair<Operator, ExprPtr>> rest;
};
struct Conditional : Expr {
  explicit Conditional(int at) : Expr(ExprKind::conditional, at) {}
  ExprPtr condition, then, otherwise;  // otherwise may be absent
};
struct Attribute : Expr {
  Attribute(ExprPtr o, std::string n, int at)
      : Expr(ExprKind::attribute, at), object(std::move(o)), name(std::move(n)) {}
  ExprPtr object;
  std::string name;
};
struct Item : Expr {
  Item(ExprPtr o, ExprPtr k, int at)
      : Expr(ExprKind::item, at), object(std::move(o)), key(std::move(k)) {}
  ExprPtr object, key;
};
struct Slice : Expr {  // only as the key of an Item; absent parts are null
  explicit Slice(int at) : Expr(ExprKind::slice, at) {}
  ExprPtr start, stop, step;
};
struct Arguments {
  ExprList positional;
  std::vector<std::pair<std::string, ExprPtr>> named;
  ExprPtr star, star_star;  // *args, **kwargs
};
struct Call : Expr {
  explicit Call(int at) : Expr(ExprKind::call, at) {}
  ExprPtr callee;
  Arguments arguments;
};
struct FilterCall : Expr {  // filter or test
  FilterCall(ExprKind k, std::string n, int at) : Expr(k, at), name(std::move(n)) {}
  ExprPtr input;  // null: the text of the block that the filter stands on
  std::string name;
  Arguments arguments;
};

// The levels below an expression, from the depths that its parts already carry.
int depth_below(const Expr& expr);

enum class StmtKind : uint8_t {
  text,
  output,
  assign,
  assign_block,
  condition,
  loop,
  macro,
  call_block,
  filter_block,
  with,
  scope,
  stop,
  skip,
  unsupported,
};

struct Stmt {
  Stmt(StmtKind stmt_kind, int at) : kind(stmt_kind), line(at) {}
  virtual ~Stmt() = default;
  StmtKind kind;
  int line;
};
using StmtPtr = std::unique_ptr<Stmt>;
using Body = std::vector<StmtPtr>;

struct TextStmt : Stmt {
  TextStmt(std::string t, int at) : Stmt(StmtKind::text, at), text(std::move(t)) {}
  std::string text;
};
struct Output : Stmt {
  explicit Output(int at) : Stmt(StmtKind::output, at) {}
  ExprList values;
};

// A name, a namespace's attribute, or a tuple of targets.
struct Target {
  enum class What : uint8_t { name, attribute, tuple } what = What::name;
  Symbol symbol = 0;
  std::string attribute;
  std::vector<Target> parts;
};
struct Assign : Stmt {
  explicit Assign(int at) : Stmt(StmtKind::assign, at) {}
  Target target;
  ExprPtr value;
};
struct AssignBlock : Stmt {
  explicit AssignBlock(int at) : Stmt(StmtKind::assign_block, at) {}
  Target target;
  ExprPtr filter;  // may be absent
  Body body;
};
struct Condition : Stmt {
  explicit Condition(int at) : Stmt(StmtKind::condition, at) {}
  std::vector<std::pair<ExprPtr, Body>> branches;
  Body otherwise;
};
struct For : Stmt {
  explicit For(int at) : Stmt(StmtKind::loop, at) {}
  Target target;
  ExprPtr iterable, condition;  // condition may be absent
  bool recursive = false;
  Body body, otherwise;
};
// The parameters and the body of a macro or of a call block.
struct Procedure {
  std::string name;
  std::vector<Symbol> parameters;
  ExprList defaults;  // of the last parameters
  Body body;
  bool uses_caller = false, uses_kwargs = false, uses_varargs = false;
};
struct MacroStmt : Stmt {
  explicit MacroStmt(int at) : Stmt(StmtKind::macro, at) {}
  Symbol symbol = 0;
  Procedure procedure;
};
struct CallBlock : Stmt {
  explicit CallBlock(int at) : Stmt(StmtKind::call_block, at) {}
  std::unique_ptr<Call> call;
  Procedure procedure;
};
struct FilterBlock : Stmt {
  explicit FilterBlock(int at) : Stmt(StmtKind::filter_block, at) {}
  ExprPtr filter;
  Body body;
};
struct With : Stmt {
  explicit With(int at) : Stmt(StmtKind::with, at) {}
  std::vector<std::pair<Target, ExprPtr>> bindings;
  Body body;
};
// A body with variables of its own: of {% generation %}, {% autoescape false %}, {% block %}.
struct Scoped : Stmt {
  explicit Scoped(int at) : Stmt(StmtKind::scope, at) {}
  Body body;
  bool from_root = false;  // a block sees the template's variables, not those around it
};
// Parsed because Jinja parses it, but fails when reached: there are no other templates to load.
struct Unsupported : Stmt {
  Unsupported(std::string w, int at) : Stmt(StmtKind::unsupported, at), what(std::move(w)) {}
  std::string what;
};

struct Ast {
  Body body;
  std::vector<std::string> names;  // by symbol
};

// Names the evaluator itself binds or asks for; the parser gives them these numbers.
enum WellKnown : Symbol { kLoop, kCaller, kKwargs, kVarargs, kWellKnownCount };

}  // namespace tarn::text::jinja
