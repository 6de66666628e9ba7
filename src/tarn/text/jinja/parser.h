// From tokens to the syntax tree, with Jinja 3.1's grammar plus the tags break, continue and
// generation.
#pragma once

#include <initializer_list>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "tarn/text/jinja/ast.h"
#include "tarn/text/jinja/lexer.h"
#include "tarn/text/jinja/limits.h"

namespace tarn::text::jinja {

class Parser {
 public:
  Parser(std::string_view source, const Limits& limits);
  Ast parse();  // throws SyntaxError

 private:
  friend struct Nesting;

  // Tokens.
  const Token& current() const { return tokens_[at_]; }
  const Token& ahead() const { return tokens_[std::min(at_ + 1, tokens_.size() - 1)]; }
  const Token& next();
  bool is_op(std::string_view op) const;
  bool is_name(std::string_view name) const;
  bool skip_op(std::string_view op);
  bool skip_name(std::string_view name);
  void expect_op(std::string_view op);
  void expect_name(std::string_view name);
  std::string expect_identifier();
  void expect(TokenKind kind);
  [[noreturn]] void fail(std::string message) const;
  [[noreturn]] void fail_at(int line, std::string message) const;
  Symbol symbol(const std::string& name);

  // Expressions (parser.cpp).
  ExprPtr parse_expression(bool with_condition = true);
  ExprPtr parse_binary(int precedence);
  ExprPtr parse_not();
  ExprPtr parse_compare();
  ExprPtr parse_unary(bool with_filter = true);
  ExprPtr parse_primary();
  ExprPtr parse_string();
  // A list of expressions up to the closing bracket becomes a tuple; one alone stays itself.
  ExprPtr parse_tuple(bool with_condition = true, bool parenthesized = false);
  ExprPtr parse_list();
  ExprPtr parse_dict();
  ExprPtr parse_postfix(ExprPtr object);
  ExprPtr parse_subscript(ExprPtr object);
  ExprPtr parse_subscribed();
  ExprPtr parse_call(ExprPtr callee);
  Arguments parse_arguments();
  ExprPtr parse_filters(ExprPtr input);
  ExprPtr parse_filter(ExprPtr input);  // at the filter's name
  ExprPtr parse_test(ExprPtr input);
  std::string parse_dotted_name();
  ExprPtr finished(ExprPtr expr);  // its depth computed and checked

  // Statements (parser_statements.cpp).
  Body parse_body(std::initializer_list<std::string_view> end_names);
  Body parse_block(std::initializer_list<std::string_view> end_names);  // from the tag's end on
  Body parse_block_to(std::string_view end_name);
  Body parse_hard_block(std::string_view end_name);
  StmtPtr parse_statement();
  StmtPtr parse_for();
  StmtPtr parse_if();
  StmtPtr parse_set();
  StmtPtr parse_macro();
  StmtPtr parse_call_block();
  StmtPtr parse_filter_block();
  StmtPtr parse_with();
  StmtPtr parse_print();
  StmtPtr parse_scoped(const std::string& tag);
  StmtPtr parse_loop_control(const std::string& tag);
  StmtPtr parse_other_template(const std::string& tag);
  void parse_signature(Procedure& procedure);
  void parse_procedure_body(Procedure& procedure, std::string_view end_name);
  Target parse_target(bool with_namespace);
  Target parse_target_part(bool with_namespace);
  Symbol assigned(const std::string& name);
  void require_known(size_t since);

  struct UnknownName {
    int line;
    std::string message;
  };

  Limits limits_;
  std::vector<Token> tokens_;
  size_t at_ = 0;
  int nesting_ = 0;
  std::map<std::string, Symbol> symbols_;
  Ast ast_;
  std::vector<std::vector<std::string>> awaited_;  // the end tags of the open blocks
  std::vector<Procedure*> procedures_;             // that enclose the current token
  std::vector<std::string> blocks_;
  int loops_ = 0;        // for statements around the token
  int loop_bodies_ = 0;  // loop bodies around it within the same procedure
  // Filters and tests that nobody defined. Jinja refuses them when it compiles, except under an if
  // or a conditional expression, where they fail only when reached.
  std::vector<UnknownName> unknown_;
};

// Counts one level of nesting while it lives.
struct Nesting {
  explicit Nesting(Parser& owner);
  ~Nesting() { --parser.nesting_; }
  Nesting(const Nesting&) = delete;
  Nesting& operator=(const Nesting&) = delete;
  Parser& parser;
};

}  // namespace tarn::text::jinja
