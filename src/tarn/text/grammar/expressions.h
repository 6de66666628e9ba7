// The rules of a grammar as expressions: what every front end (GBNF, regular expressions, JSON
// Schema) builds and the compiler takes apart.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "tarn/text/grammar/char_set.h"

namespace tarn::text::grammar {

using Expr = uint32_t;  // an expression of one Expressions
using Rule = uint32_t;  // a rule of one Expressions

inline constexpr uint32_t kUnbounded = UINT32_MAX;

// A small automaton whose edges read whole expressions. Node 0 is where it starts.
struct Graph {
  struct Edge {
    uint32_t from;
    uint32_t to;
    Expr label;
  };
  uint32_t nodes = 1;
  std::vector<Edge> edges;
  std::vector<uint32_t> accepting;

  uint32_t add_node() { return nodes++; }
  void add_edge(uint32_t from, uint32_t to, Expr label) { edges.push_back({from, to, label}); }
};

// Expressions may be used any number of times and are immutable. Whatever grows past what a
// compiled grammar may hold is ErrorCode::unsupported.
class Expressions {
 public:
  enum class Kind { literal, chars, sequence, choice, repeat, call, graph };
  struct Node {
    Kind kind;
    uint32_t depth = 1;               // of the tree below
    uint32_t min = 0;                 // of repeat
    uint32_t max = 0;                 // of repeat
    uint32_t index = 0;               // the rule of call; into literals, char sets, graphs
    std::vector<Expr> children = {};  // of sequence, choice, repeat, graph (the labels)
  };
  struct RuleInfo {
    std::string name;
    std::optional<Expr> body;
    bool shared = false;
  };

  // `bytes` one after another; "" matches the empty text.
  Expr literal(std::string_view bytes);
  Expr empty() { return literal(""); }
  // Matches no text at all.
  Expr nothing() { return choice({}); }
  Expr chars(const CharSet& set);  // one character, in UTF-8
  Expr sequence(std::vector<Expr> parts);
  Expr choice(std::vector<Expr> alternatives);
  Expr repeat(Expr body, uint32_t min, uint32_t max);  // max may be kUnbounded
  Expr optional(Expr body) { return repeat(body, 0, 1); }
  Expr graph(Graph graph);
  Expr call(Rule rule);

  // A `shared` rule keeps its states to itself wherever it is called, so that masks computed for
  // one caller serve all; others may be copied into their callers when they are small.
  Rule add_rule(std::string name, bool shared = false);
  void define(Rule rule, Expr body);

  const Node& node(Expr expr) const { return nodes_[expr]; }
  const std::string& literal_of(const Node& node) const { return literals_[node.index]; }
  const CharSet& chars_of(const Node& node) const { return char_sets_[node.index]; }
  const Graph& graph_of(const Node& node) const { return graphs_[node.index]; }
  const RuleInfo& rule(Rule rule) const { return rules_[rule]; }
  uint32_t rule_count() const { return static_cast<uint32_t>(rules_.size()); }
  uint32_t node_count() const { return static_cast<uint32_t>(nodes_.size()); }

 private:
  Expr add(Node node);

  std::vector<Node> nodes_;
  std::vector<std::string> literals_;
  std::vector<CharSet> char_sets_;
  std::vector<Graph> graphs_;
  std::vector<RuleInfo> rules_;
  std::unordered_map<std::string, Expr> known_literals_;
};

}  // namespace tarn::text::grammar
