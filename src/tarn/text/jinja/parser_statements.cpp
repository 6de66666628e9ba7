#include <fmt/format.h>

#include <algorithm>

#include "tarn/text/jinja/error.h"
#include "tarn/text/jinja/parser.h"

namespace tarn::text::jinja {

Ast Parser::parse() {
  ast_.body = parse_body({});
  require_known(0);
  return std::move(ast_);
}

void Parser::require_known(size_t since) {
  if (unknown_.size() > since) fail_at(unknown_[since].line, unknown_[since].message);
}

// Statements up to a tag named in `end_names`, which stays the current token, or to the end.
Body Parser::parse_body(std::initializer_list<std::string_view> end_names) {
  Body body;
  awaited_.emplace_back(end_names.begin(), end_names.end());
  std::unique_ptr<Output> output;
  const auto flush = [&] {
    if (output) body.push_back(std::move(output));
  };
  while (current().kind != TokenKind::end) {
    const Token& token = current();
    if (token.kind == TokenKind::data) {
      flush();
      body.push_back(std::make_unique<TextStmt>(token.text, token.line));
      next();
    } else if (token.kind == TokenKind::variable_begin) {
      next();
      if (!output) output = std::make_unique<Output>(token.line);
      output->values.push_back(parse_tuple());
      expect(TokenKind::variable_end);
    } else {
      flush();
      expect(TokenKind::block_begin);
      const bool at_end = std::any_of(end_names.begin(), end_names.end(),
                                      [&](std::string_view name) { return is_name(name); });
      if (at_end) break;
      body.push_back(parse_statement());
      expect(TokenKind::block_end);
    }
  }
  flush();
  awaited_.pop_back();
  return body;
}

Body Parser::parse_block(std::initializer_list<std::string_view> end_names) {
  const int line = current().line;
  skip_op(":");
  expect(TokenKind::block_end);
  Body body = parse_body(end_names);
  if (current().kind == TokenKind::end) {
    fail(fmt::format("Unexpected end of template: the block of line {} lacks its '{}'", line,
                     *(end_names.end() - 1)));
  }
  return body;
}

Body Parser::parse_block_to(std::string_view end_name) {
  Body body = parse_block({end_name});
  next();
  return body;
}

// A block whose unknown filters are errors wherever it stands: Jinja compiles it as a frame of its
// own, and loops outside it are out of its reach.
Body Parser::parse_hard_block(std::string_view end_name) {
  const size_t known = unknown_.size();
  Body body = parse_block_to(end_name);
  require_known(known);
  return body;
}

StmtPtr Parser::parse_statement() {
  const Nesting nesting(*this);
  if (current().kind != TokenKind::name) fail("tag name expected");
  const std::string tag = current().text;
  if (tag == "for") return parse_for();
  if (tag == "if") return parse_if();
  if (tag == "set") return parse_set();
  if (tag == "macro") return parse_macro();
  if (tag == "call") return parse_call_block();
  if (tag == "filter") return parse_filter_block();
  if (tag == "with") return parse_with();
  if (tag == "print") return parse_print();
  if (tag == "break" || tag == "continue") return parse_loop_control(tag);
  if (tag == "generation" || tag == "block" || tag == "autoescape") return parse_scoped(tag);
  if (tag == "include" || tag == "import" || tag == "from" || tag == "extends") {
    return parse_other_template(tag);
  }
  std::string expected;
  for (const std::string& name : awaited_.back()) {
    expected += fmt::format("{}'{}'", expected.empty() ? "" : " or ", name);
  }
  fail(fmt::format("Encountered unknown tag '{}'.{}", tag,
                   expected.empty() ? "" : " The open block waits for " + expected + "."));
}

StmtPtr Parser::parse_for() {
  auto node = std::make_unique<For>(next().line);
  ++loops_;
  node->target = parse_target(false);
  expect_name("in");
  node->iterable = parse_tuple(false);
  const size_t known = unknown_.size();
  if (skip_name("if")) node->condition = parse_expression();
  node->recursive = skip_name("recursive");
  ++loop_bodies_;
  node->body = parse_block({"else", "endfor"});
  --loop_bodies_;
  if (next().text == "else") node->otherwise = parse_block_to("endfor");
  require_known(known);
  --loops_;
  return node;
}

StmtPtr Parser::parse_if() {
  auto node = std::make_unique<Condition>(next().line);
  const size_t known = unknown_.size();
  while (true) {
    ExprPtr condition = parse_tuple(false);
    Body body = parse_block({"elif", "else", "endif"});
    node->branches.emplace_back(std::move(condition), std::move(body));
    const std::string tag = next().text;
    if (tag == "elif") continue;
    if (tag == "else") node->otherwise = parse_block_to("endif");
    break;
  }
  unknown_.resize(known);
  return node;
}

StmtPtr Parser::parse_set() {
  const int line = next().line;
  Target target = parse_target(true);
  if (skip_op("=")) {
    auto node = std::make_unique<Assign>(line);
    node->target = std::move(target);
    node->value = parse_tuple();
    return node;
  }
  auto node = std::make_unique<AssignBlock>(line);
  node->target = std::move(target);
  const size_t known = unknown_.size();
  while (skip_op("|")) node->filter = parse_filter(std::move(node->filter));
  node->body = parse_block_to("endset");
  require_known(known);
  return node;
}

Symbol Parser::assigned(const std::string& name) {
  if (name == "loop" && loops_ > 0) fail("Can't assign to special loop variable in for-loop");
  for (const char* constant : {"true", "false", "none", "True", "False", "None"}) {
    if (name == constant) fail(fmt::format("can't assign to '{}'", name));
  }
  return symbol(name);
}

Target Parser::parse_target_part(bool with_namespace) {
  const Nesting nesting(*this);
  if (skip_op("(")) {
    Target target = parse_target(with_namespace);
    expect_op(")");
    return target;
  }
  Target target;
  const std::string name = expect_identifier();
  if (with_namespace && skip_op(".")) {
    target.what = Target::What::attribute;
    target.symbol = symbol(name);
    target.attribute = expect_identifier();
  } else {
    target.symbol = assigned(name);
  }
  return target;
}

Target Parser::parse_target(bool with_namespace) {
  Target target = parse_target_part(with_namespace);
  if (!is_op(",")) return target;
  Target tuple;
  tuple.what = Target::What::tuple;
  tuple.parts.push_back(std::move(target));
  while (skip_op(",")) {
    if (is_op(")") || current().kind == TokenKind::block_end) break;
    tuple.parts.push_back(parse_target_part(with_namespace));
  }
  return tuple;
}

void Parser::parse_signature(Procedure& procedure) {
  expect_op("(");
  while (!is_op(")")) {
    if (!procedure.parameters.empty()) expect_op(",");
    const std::string name = expect_identifier();
    const Symbol parameter = symbol(name);
    if (std::count(procedure.parameters.begin(), procedure.parameters.end(), parameter) > 0) {
      fail(fmt::format("duplicate argument '{}' in a macro's definition", name));
    }
    procedure.parameters.push_back(parameter);
    if (skip_op("=")) {
      procedure.defaults.push_back(parse_expression());
    } else if (!procedure.defaults.empty()) {
      fail("non-default argument follows default argument");
    }
  }
  next();
}

// Which of caller, kwargs and varargs the body mentions decides what a call may pass.
void Parser::parse_procedure_body(Procedure& procedure, std::string_view end_name) {
  const int loop_bodies = std::exchange(loop_bodies_, 0);
  procedures_.push_back(&procedure);
  procedure.body = parse_hard_block(end_name);
  procedures_.pop_back();
  loop_bodies_ = loop_bodies;
  const auto is_parameter = [&](Symbol name) {
    const auto& names = procedure.parameters;
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  if (procedure.uses_caller && is_parameter(kCaller)) {
    const size_t required = procedure.parameters.size() - procedure.defaults.size();
    const auto& names = procedure.parameters;
    const auto position = std::find(names.begin(), names.end(), kCaller) - names.begin();
    if (static_cast<size_t>(position) < required) {
      fail("the special \"caller\" argument of a macro must be omitted or be given a default");
    }
    procedure.uses_caller = false;
  }
  if (is_parameter(kKwargs)) procedure.uses_kwargs = false;
  if (is_parameter(kVarargs)) procedure.uses_varargs = false;
}

StmtPtr Parser::parse_macro() {
  auto node = std::make_unique<MacroStmt>(next().line);
  node->procedure.name = expect_identifier();
  node->symbol = assigned(node->procedure.name);
  const size_t known = unknown_.size();
  parse_signature(node->procedure);
  parse_procedure_body(node->procedure, "endmacro");
  require_known(known);
  return node;
}

StmtPtr Parser::parse_call_block() {
  auto node = std::make_unique<CallBlock>(next().line);
  const size_t known = unknown_.size();
  if (is_op("(")) parse_signature(node->procedure);
  require_known(known);
  ExprPtr call = parse_expression();
  if (call->kind != ExprKind::call) fail_at(node->line, "expected call");
  node->call.reset(static_cast<Call*>(call.release()));
  node->procedure.name = "caller";
  parse_procedure_body(node->procedure, "endcall");
  return node;
}

StmtPtr Parser::parse_filter_block() {
  auto node = std::make_unique<FilterBlock>(next().line);
  const size_t known = unknown_.size();
  do {
    node->filter = parse_filter(std::move(node->filter));
  } while (skip_op("|"));
  node->body = parse_block_to("endfilter");
  require_known(known);
  return node;
}

StmtPtr Parser::parse_with() {
  auto node = std::make_unique<With>(next().line);
  const size_t known = unknown_.size();
  while (current().kind != TokenKind::block_end) {
    if (!node->bindings.empty()) expect_op(",");
    Target target = parse_target(false);
    expect_op("=");
    node->bindings.emplace_back(std::move(target), parse_expression());
  }
  node->body = parse_block_to("endwith");
  require_known(known);
  return node;
}

StmtPtr Parser::parse_print() {
  auto node = std::make_unique<Output>(next().line);
  while (current().kind != TokenKind::block_end) {
    if (!node->values.empty()) expect_op(",");
    node->values.push_back(parse_expression());
  }
  return node;
}

StmtPtr Parser::parse_scoped(const std::string& tag) {
  auto node = std::make_unique<Scoped>(next().line);
  const int loop_bodies = loop_bodies_;
  if (tag == "autoescape") {
    if (!skip_name("false") && !skip_name("False")) {
      fail("automatic HTML escaping is not supported: use autoescape false, or the escape filter");
    }
  } else {
    loop_bodies_ = 0;  // a break inside would have to leave a function
  }
  if (tag == "block") {
    const std::string name = expect_identifier();
    if (std::count(blocks_.begin(), blocks_.end(), name) > 0) {
      fail(fmt::format("block '{}' defined twice", name));
    }
    blocks_.push_back(name);
    node->from_root = !skip_name("scoped");
    if (is_name("required")) fail("a required block needs templates that extend this one");
    node->body = parse_hard_block("endblock");
    skip_name(name);
  } else {
    node->body = parse_hard_block("end" + tag);
  }
  loop_bodies_ = loop_bodies;
  return node;
}

StmtPtr Parser::parse_loop_control(const std::string& tag) {
  if (loop_bodies_ == 0) fail(fmt::format("'{}' outside loop", tag));
  return std::make_unique<Stmt>(tag == "break" ? StmtKind::stop : StmtKind::skip, next().line);
}

// Only the tag is read: its arguments do not matter, since it cannot succeed.
StmtPtr Parser::parse_other_template(const std::string& tag) {
  auto node = std::make_unique<Unsupported>(tag, next().line);
  while (current().kind != TokenKind::block_end && current().kind != TokenKind::end) next();
  return node;
}

}  // namespace tarn::text::jinja
