#include "tarn/text/jinja/parser.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "tarn/text/jinja/error.h"
#include "tarn/text/jinja/filters.h"
#include "tarn/text/jinja/tests.h"

namespace tarn::text::jinja {
namespace {

struct BinaryOperator {
  std::string_view spelling;
  Operator op;
  int precedence;
};

// Loosest first. Comparisons, which chain, stand between `not` and these.
constexpr int kAdditive = 0, kConcat = 1, kMultiplicative = 2, kPower = 3, kOperand = 4;
constexpr BinaryOperator kBinaryOperators[] = {
    {"+", Operator::add, kAdditive},
    {"-", Operator::subtract, kAdditive},
    {"*", Operator::multiply, kMultiplicative},
    {"/", Operator::divide, kMultiplicative},
    {"//", Operator::floor_divide, kMultiplicative},
    {"%", Operator::modulo, kMultiplicative},
    {"**", Operator::power, kPower},
};

constexpr std::pair<std::string_view, Operator> kComparisons[] = {
    {"==", Operator::equal},      {"!=", Operator::not_equal}, {"<", Operator::less},
    {"<=", Operator::less_equal}, {">", Operator::greater},    {">=", Operator::greater_equal},
};

}  // namespace

Nesting::Nesting(Parser& owner) : parser(owner) {
  if (++parser.nesting_ > parser.limits_.max_nesting) {
    parser.fail(fmt::format("nested deeper than {} levels", parser.limits_.max_nesting));
  }
}

Parser::Parser(std::string_view source, const Limits& limits)
    : limits_(limits), tokens_(tokenize(source)) {
  for (const char* name : {"loop", "caller", "kwargs", "varargs"}) symbol(name);
}

const Token& Parser::next() {
  const Token& token = current();
  if (at_ + 1 < tokens_.size()) ++at_;
  return token;
}

bool Parser::is_op(std::string_view op) const {
  return current().kind == TokenKind::op && current().text == op;
}

bool Parser::is_name(std::string_view name) const {
  return current().kind == TokenKind::name && current().text == name;
}

bool Parser::skip_op(std::string_view op) {
  if (!is_op(op)) return false;
  next();
  return true;
}

bool Parser::skip_name(std::string_view name) {
  if (!is_name(name)) return false;
  next();
  return true;
}

void Parser::expect_op(std::string_view op) {
  if (!skip_op(op)) fail(fmt::format("expected token '{}', got '{}'", op, describe(current())));
}

void Parser::expect_name(std::string_view name) {
  if (!skip_name(name))
    fail(fmt::format("expected token '{}', got '{}'", name, describe(current())));
}

std::string Parser::expect_identifier() {
  if (current().kind != TokenKind::name) {
    fail(fmt::format("expected a name, got '{}'", describe(current())));
  }
  return next().text;
}

void Parser::expect(TokenKind kind) {
  if (current().kind != kind) {
    fail(fmt::format("expected '{}', got '{}'", describe({kind, 0, {}}), describe(current())));
  }
  next();
}

void Parser::fail(std::string message) const { fail_at(current().line, std::move(message)); }

void Parser::fail_at(int line, std::string message) const {
  throw SyntaxError{std::move(message), line};
}

Symbol Parser::symbol(const std::string& name) {
  const auto [it, added] = symbols_.try_emplace(name, static_cast<Symbol>(ast_.names.size()));
  if (added) ast_.names.push_back(name);
  return it->second;
}

ExprPtr Parser::finished(ExprPtr expr) {
  expr->depth = depth_below(*expr) + 1;
  // Chains (a + b + c, x.y.z, x|f|g) are deep trees without any nesting in the source.
  if (expr->depth > 3 * limits_.max_nesting) {
    fail_at(expr->line, fmt::format("an expression of more than {} levels: split it with set",
                                    3 * limits_.max_nesting));
  }
  return expr;
}

ExprPtr Parser::parse_expression(bool with_condition) {
  const Nesting nesting(*this);
  const size_t unknown_before = unknown_.size();
  int line = current().line;
  ExprPtr left = parse_binary(-2);
  while (with_condition && skip_name("if")) {
    auto node = std::make_unique<Conditional>(line);
    node->then = std::move(left);
    node->condition = parse_binary(-2);
    if (skip_name("else")) node->otherwise = parse_expression();
    left = finished(std::move(node));
    unknown_.resize(unknown_before);
    line = current().line;
  }
  return left;
}

// -2: or, -1: and, else a level of kBinaryOperators.
ExprPtr Parser::parse_binary(int precedence) {
  if (precedence == kOperand) return parse_unary();
  if (precedence < 0) {
    const bool is_or = precedence == -2;
    const auto operand = [&] { return is_or ? parse_binary(-1) : parse_not(); };
    int line = current().line;
    ExprPtr left = operand();
    while (skip_name(is_or ? "or" : "and")) {
      const Operator op = is_or ? Operator::logical_or : Operator::logical_and;
      auto node = std::make_unique<Binary>(ExprKind::logical, op, line);
      node->left = std::move(left);
      node->right = operand();
      left = finished(std::move(node));
      line = current().line;
    }
    return left;
  }
  int line = current().line;
  ExprPtr left = parse_binary(precedence + 1);
  if (precedence == kConcat) {
    if (!is_op("~")) return left;
    auto node = std::make_unique<Items>(ExprKind::concat, line);
    node->items.push_back(std::move(left));
    while (skip_op("~")) node->items.push_back(parse_binary(kMultiplicative));
    return finished(std::move(node));
  }
  while (true) {
    const auto found = std::find_if(
        std::begin(kBinaryOperators), std::end(kBinaryOperators),
        [&](const BinaryOperator& o) { return o.precedence == precedence && is_op(o.spelling); });
    if (found == std::end(kBinaryOperators)) return left;
    next();
    auto node = std::make_unique<Binary>(ExprKind::binary, found->op, line);
    node->left = std::move(left);
    node->right = parse_binary(precedence + 1);
    left = finished(std::move(node));
    line = current().line;
  }
}

ExprPtr Parser::parse_not() {
  if (!is_name("not")) return parse_compare();
  const Nesting nesting(*this);
  auto node = std::make_unique<Unary>(Operator::logical_not, next().line);
  node->operand = parse_not();
  return finished(std::move(node));
}

ExprPtr Parser::parse_compare() {
  auto node = std::make_unique<Compare>(current().line);
  node->first = parse_binary(kAdditive);
  while (true) {
    const auto found = std::find_if(std::begin(kComparisons), std::end(kComparisons),
                                    [&](const auto& c) { return is_op(c.first); });
    Operator op = Operator::in;
    if (found != std::end(kComparisons)) {
      op = found->second;
      next();
    } else if (is_name("not") && ahead().kind == TokenKind::name && ahead().text == "in") {
      op = Operator::not_in;
      next();
      next();
    } else if (!skip_name("in")) {
      break;
    }
    node->rest.emplace_back(op, parse_binary(kAdditive));
  }
  if (node->rest.empty()) return std::move(node->first);
  return finished(std::move(node));
}

ExprPtr Parser::parse_unary(bool with_filter) {
  const Nesting nesting(*this);
  ExprPtr expr;
  if (is_op("-") || is_op("+")) {
    const Operator op = is_op("-") ? Operator::negate : Operator::plus;
    auto node = std::make_unique<Unary>(op, next().line);
    node->operand = parse_unary(false);
    expr = finished(std::move(node));
  } else {
    expr = parse_primary();
  }
  expr = parse_postfix(std::move(expr));
  return with_filter ? parse_filters(std::move(expr)) : std::move(expr);
}

ExprPtr Parser::parse_string() {
  const int line = current().line;
  std::string text;
  while (current().kind == TokenKind::string) text += next().text;
  auto constant = std::make_shared<Text>(nullptr, std::move(text));
  return std::make_unique<Constant>(Value::shared(Kind::string, std::move(constant)), line);
}

ExprPtr Parser::parse_primary() {
  const Token& token = current();
  switch (token.kind) {
    case TokenKind::name: {
      next();
      const std::string& text = token.text;
      if (text == "true" || text == "True" || text == "false" || text == "False") {
        const bool value = text == "true" || text == "True";
        return std::make_unique<Constant>(Value::boolean(value), token.line);
      }
      if (text == "none" || text == "None") return std::make_unique<Constant>(Value(), token.line);
      const Symbol name = symbol(text);
      for (Procedure* procedure : procedures_) {
        if (name == kCaller) procedure->uses_caller = true;
        if (name == kKwargs) procedure->uses_kwargs = true;
        if (name == kVarargs) procedure->uses_varargs = true;
      }
      return std::make_unique<Name>(name, token.line);
    }
    case TokenKind::string:
      return parse_string();
    case TokenKind::integer:
      next();
      return std::make_unique<Constant>(Value::integer(token.integer), token.line);
    case TokenKind::real:
      next();
      return std::make_unique<Constant>(Value::real(token.real), token.line);
    case TokenKind::op:
      if (skip_op("(")) {
        ExprPtr expr = parse_tuple(true, true);
        expect_op(")");
        return expr;
      }
      if (token.text == "[") return parse_list();
      if (token.text == "{") return parse_dict();
      break;
    default:
      break;
  }
  fail(fmt::format("unexpected '{}'", describe(token)));
}

ExprPtr Parser::parse_tuple(bool with_condition, bool parenthesized) {
  auto tuple = std::make_unique<Items>(ExprKind::tuple, current().line);
  bool has_comma = false;
  while (true) {
    const TokenKind kind = current().kind;
    if (kind == TokenKind::variable_end || kind == TokenKind::block_end || is_op(")")) break;
    tuple->items.push_back(parse_expression(with_condition));
    if (!is_op(",")) break;
    has_comma = true;
    next();
  }
  if (!has_comma) {
    if (!tuple->items.empty()) return std::move(tuple->items[0]);
    if (!parenthesized) fail(fmt::format("Expected an expression, got '{}'", describe(current())));
  }
  return finished(std::move(tuple));
}

ExprPtr Parser::parse_list() {
  auto list = std::make_unique<Items>(ExprKind::list, next().line);
  while (!is_op("]")) {
    if (!list->items.empty()) expect_op(",");
    if (is_op("]")) break;
    list->items.push_back(parse_expression());
  }
  next();
  return finished(std::move(list));
}

ExprPtr Parser::parse_dict() {
  auto dict = std::make_unique<DictLiteral>(next().line);
  while (!is_op("}")) {
    if (!dict->entries.empty()) expect_op(",");
    if (is_op("}")) break;
    ExprPtr key = parse_expression();
    expect_op(":");
    ExprPtr value = parse_expression();
    dict->entries.emplace_back(std::move(key), std::move(value));
  }
  next();
  return finished(std::move(dict));
}

ExprPtr Parser::parse_postfix(ExprPtr object) {
  while (true) {
    if (is_op(".") || is_op("[")) {
      object = parse_subscript(std::move(object));
    } else if (is_op("(")) {
      object = parse_call(std::move(object));
    } else {
      return object;
    }
  }
}

ExprPtr Parser::parse_subscript(ExprPtr object) {
  const Token& token = next();
  if (token.text == ".") {
    const Token& name = next();
    if (name.kind == TokenKind::name) {
      return finished(std::make_unique<Attribute>(std::move(object), name.text, token.line));
    }
    if (name.kind != TokenKind::integer) fail_at(name.line, "expected name or number");
    auto key = std::make_unique<Constant>(Value::integer(name.integer), name.line);
    return finished(std::make_unique<Item>(std::move(object), std::move(key), token.line));
  }
  ExprList keys;
  bool sliced = false;
  while (!is_op("]")) {
    if (!keys.empty()) expect_op(",");
    keys.push_back(parse_subscribed());
    sliced = sliced || keys.back()->kind == ExprKind::slice;
  }
  next();
  if (keys.size() == 1) {
    return finished(std::make_unique<Item>(std::move(object), std::move(keys[0]), token.line));
  }
  if (sliced) fail_at(token.line, "a slice cannot be one of several subscripts");
  auto tuple = std::make_unique<Items>(ExprKind::tuple, token.line);
  tuple->items = std::move(keys);
  return finished(
      std::make_unique<Item>(std::move(object), finished(std::move(tuple)), token.line));
}

ExprPtr Parser::parse_subscribed() {
  auto slice = std::make_unique<Slice>(current().line);
  if (!is_op(":")) {
    ExprPtr expr = parse_expression();
    if (!is_op(":")) return expr;
    slice->start = std::move(expr);
  }
  next();
  const auto absent = [&] { return is_op(":") || is_op("]") || is_op(","); };
  if (!absent()) slice->stop = parse_expression();
  if (skip_op(":") && !absent()) slice->step = parse_expression();
  return finished(std::move(slice));
}

ExprPtr Parser::parse_call(ExprPtr callee) {
  auto call = std::make_unique<Call>(current().line);
  call->callee = std::move(callee);
  call->arguments = parse_arguments();
  return finished(std::move(call));
}

Arguments Parser::parse_arguments() {
  const int line = current().line;
  expect_op("(");
  Arguments arguments;
  std::set<std::string> named;
  const auto ensure = [&](bool valid) {
    if (!valid) fail_at(line, "invalid syntax for function call expression");
  };
  for (bool first = true; !is_op(")"); first = false) {
    if (!first) {
      expect_op(",");
      if (is_op(")")) break;
    }
    if (skip_op("*")) {
      ensure(!arguments.star && !arguments.star_star);
      arguments.star = parse_expression();
    } else if (skip_op("**")) {
      ensure(!arguments.star_star);
      arguments.star_star = parse_expression();
    } else if (current().kind == TokenKind::name && ahead().kind == TokenKind::op &&
               ahead().text == "=") {
      ensure(!arguments.star_star);
      std::string name = next().text;
      next();
      if (!named.insert(name).second) fail(fmt::format("keyword argument repeated: {}", name));
      ExprPtr value = parse_expression();
      arguments.named.emplace_back(std::move(name), std::move(value));
    } else {
      ensure(!arguments.star && !arguments.star_star && arguments.named.empty());
      arguments.positional.push_back(parse_expression());
    }
  }
  next();
  return arguments;
}

ExprPtr Parser::parse_filters(ExprPtr input) {
  while (true) {
    if (skip_op("|")) {
      input = parse_filter(std::move(input));
    } else if (skip_name("is")) {
      input = parse_test(std::move(input));
    } else if (is_op("(")) {
      input = parse_call(std::move(input));
    } else {
      return input;
    }
  }
}

std::string Parser::parse_dotted_name() {
  std::string name = expect_identifier();
  while (skip_op(".")) {
    name += '.';
    name += expect_identifier();
  }
  return name;
}

ExprPtr Parser::parse_filter(ExprPtr input) {
  const int line = current().line;
  auto filter = std::make_unique<FilterCall>(ExprKind::filter, parse_dotted_name(), line);
  if (!find_filter(filter->name)) {
    unknown_.push_back({line, fmt::format("No filter named '{}'.", filter->name)});
  }
  filter->input = std::move(input);
  if (is_op("(")) filter->arguments = parse_arguments();
  return finished(std::move(filter));
}

ExprPtr Parser::parse_test(ExprPtr input) {
  const int line = current().line;
  const bool negated = skip_name("not");
  auto test = std::make_unique<FilterCall>(ExprKind::test, parse_dotted_name(), line);
  if (!find_test(test->name)) {
    unknown_.push_back({line, fmt::format("No test named '{}'.", test->name)});
  }
  test->input = std::move(input);
  const TokenKind kind = current().kind;
  if (is_op("(")) {
    test->arguments = parse_arguments();
  } else if ((kind == TokenKind::name || kind == TokenKind::string || kind == TokenKind::integer ||
              kind == TokenKind::real || is_op("[") || is_op("{")) &&
             !is_name("else") && !is_name("or") && !is_name("and")) {
    if (is_name("is")) fail("You cannot chain multiple tests with is");
    const Nesting nesting(*this);
    test->arguments.positional.push_back(parse_postfix(parse_primary()));
  }
  ExprPtr expr = finished(std::move(test));
  if (!negated) return expr;
  auto node = std::make_unique<Unary>(Operator::logical_not, line);
  node->operand = std::move(expr);
  return finished(std::move(node));
}

}  // namespace tarn::text::jinja
