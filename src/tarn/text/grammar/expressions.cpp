#include "tarn/text/grammar/expressions.h"

#include <algorithm>
#include <utility>

#include "tarn/base/error.h"
#include "tarn/text/grammar/limits.h"

namespace tarn::text::grammar {

Expr Expressions::add(Node node) {
  for (const Expr child : node.children) {
    node.depth = std::max(node.depth, nodes_[child].depth + 1);
  }
  if (node.depth > kMaxExpressionDepth) {
    fail(ErrorCode::unsupported, "grammar: expressions nested deeper than {} levels",
         kMaxExpressionDepth);
  }
  if (nodes_.size() >= kMaxExpressions) {
    fail(ErrorCode::unsupported, "grammar: more than {} expressions; make it smaller",
         kMaxExpressions);
  }
  nodes_.push_back(std::move(node));
  return static_cast<Expr>(nodes_.size() - 1);
}

Expr Expressions::literal(std::string_view bytes) {
  const auto [it, fresh] = known_literals_.try_emplace(std::string(bytes), 0);
  if (fresh) {
    Node node{Kind::literal};
    node.index = static_cast<uint32_t>(literals_.size());
    literals_.emplace_back(bytes);
    it->second = add(std::move(node));
  }
  return it->second;
}

Expr Expressions::chars(const CharSet& set) {
  Node node{Kind::chars};
  node.index = static_cast<uint32_t>(char_sets_.size());
  char_sets_.push_back(set);
  return add(std::move(node));
}

Expr Expressions::sequence(std::vector<Expr> parts) {
  if (parts.size() == 1) return parts.front();
  Node node{Kind::sequence};
  node.children = std::move(parts);
  return add(std::move(node));
}

Expr Expressions::choice(std::vector<Expr> alternatives) {
  if (alternatives.size() == 1) return alternatives.front();
  Node node{Kind::choice};
  node.children = std::move(alternatives);
  return add(std::move(node));
}

Expr Expressions::repeat(Expr body, uint32_t min, uint32_t max) {
  if (max < min) {
    fail(ErrorCode::invalid_argument, "grammar: a repetition of {} to {} times", min, max);
  }
  const uint32_t largest = max == kUnbounded ? min : max;
  if (largest > kMaxRepetitions) {
    fail(ErrorCode::unsupported, "grammar: a repetition of {} times; at most {} can be counted",
         largest, kMaxRepetitions);
  }
  if (max == 0) return empty();
  if (min == 1 && max == 1) return body;
  Node node{Kind::repeat};
  node.min = min;
  node.max = max;
  node.children = {body};
  return add(std::move(node));
}

Expr Expressions::graph(Graph graph) {
  Node node{Kind::graph};
  node.index = static_cast<uint32_t>(graphs_.size());
  node.children.reserve(graph.edges.size());
  for (const Graph::Edge& edge : graph.edges) node.children.push_back(edge.label);
  graphs_.push_back(std::move(graph));
  return add(std::move(node));
}

Expr Expressions::call(Rule rule) {
  Node node{Kind::call};
  node.index = rule;
  return add(std::move(node));
}

Rule Expressions::add_rule(std::string name, bool shared) {
  if (rules_.size() >= kMaxRules) {
    fail(ErrorCode::unsupported, "grammar: more than {} rules; make it smaller", kMaxRules);
  }
  rules_.push_back({std::move(name), std::nullopt, shared});
  return static_cast<Rule>(rules_.size() - 1);
}

void Expressions::define(Rule rule, Expr body) { rules_[rule].body = body; }

}  // namespace tarn::text::grammar
