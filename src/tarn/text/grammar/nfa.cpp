#include "tarn/text/grammar/nfa.h"

#include <algorithm>
#include <utility>

#include "tarn/base/error.h"
#include "tarn/text/grammar/limits.h"

namespace tarn::text::grammar {
namespace {

using Kind = Expressions::Kind;
using Node = Expressions::Node;

constexpr uint32_t kCostLimit = 1U << 24;
constexpr uint32_t kNoUnit = UINT32_MAX;
constexpr int kMaxInlineDepth = 64;

uint32_t saturating(uint64_t value) {
  return static_cast<uint32_t>(std::min<uint64_t>(value, kCostLimit));
}

}  // namespace

void StepBudget::spend(uint64_t steps) {
  spent_ += steps;
  if (spent_ > kMaxCompileSteps) {
    fail(ErrorCode::unsupported,
         "grammar: compiling it takes more than {} steps; make it smaller or less ambiguous",
         kMaxCompileSteps);
  }
}

NfaBuilder::NfaBuilder(const Expressions& expressions, Rule root, StepBudget& budget)
    : expressions_(expressions),
      budget_(budget),
      nullable_(expressions.rule_count()),
      inlined_(expressions.rule_count(), Inlined::unknown),
      costs_(expressions.node_count()),
      unit_by_rule_(expressions.rule_count(), kNoUnit) {
  find_nullable(root);
  unit_of(root);
}

Expr NfaBuilder::body(Rule rule) const {
  const Expressions::RuleInfo& info = expressions_.rule(rule);
  if (!info.body) {
    fail(ErrorCode::invalid_argument, "grammar: rule \"{}\" is used and not defined", info.name);
  }
  return *info.body;
}

void NfaBuilder::callees(Expr expr, std::vector<Rule>& out) {
  budget_.spend();
  const Node& node = expressions_.node(expr);
  if (node.kind == Kind::call) out.push_back(node.index);
  for (const Expr child : node.children) callees(child, out);
}

// The least fixed point over the rules that the root reaches.
void NfaBuilder::find_nullable(Rule root) {
  std::vector<std::vector<Rule>> callers(expressions_.rule_count());
  std::vector<uint8_t> seen(expressions_.rule_count());
  std::vector<Rule> pending{root};
  std::vector<Rule> reached;
  seen[root] = 1;
  while (!pending.empty()) {
    const Rule rule = pending.back();
    pending.pop_back();
    reached.push_back(rule);
    std::vector<Rule> called;
    callees(body(rule), called);
    std::sort(called.begin(), called.end());
    called.erase(std::unique(called.begin(), called.end()), called.end());
    for (const Rule one : called) {
      callers[one].push_back(rule);
      if (std::exchange(seen[one], 1) == 0) pending.push_back(one);
    }
  }
  pending = std::move(reached);
  while (!pending.empty()) {
    const Rule rule = pending.back();
    pending.pop_back();
    if (nullable(rule) || !nullable_expr(body(rule))) continue;
    nullable_[rule] = 1;
    pending.insert(pending.end(), callers[rule].begin(), callers[rule].end());
  }
}

bool NfaBuilder::nullable_expr(Expr expr) {
  budget_.spend();
  const Node& node = expressions_.node(expr);
  const auto is_nullable = [&](Expr child) { return nullable_expr(child); };
  switch (node.kind) {
    case Kind::literal:
      return expressions_.literal_of(node).empty();
    case Kind::chars:
      return false;
    case Kind::sequence:
      return std::all_of(node.children.begin(), node.children.end(), is_nullable);
    case Kind::choice:
      return std::any_of(node.children.begin(), node.children.end(), is_nullable);
    case Kind::repeat:
      return node.min == 0 || nullable_expr(node.children.front());
    case Kind::call:
      return nullable(node.index);
    case Kind::graph:
      return nullable_graph(node);
  }
  return false;
}

bool NfaBuilder::nullable_graph(const Node& node) {
  const Graph& graph = expressions_.graph_of(node);
  std::vector<uint8_t> reached(graph.nodes);
  std::vector<std::vector<uint32_t>> empty(graph.nodes);
  for (const Graph::Edge& edge : graph.edges) {
    if (nullable_expr(edge.label)) empty[edge.from].push_back(edge.to);
  }
  std::vector<uint32_t> pending{0};
  reached[0] = 1;
  while (!pending.empty()) {
    const uint32_t at = pending.back();
    pending.pop_back();
    for (const uint32_t to : empty[at]) {
      if (std::exchange(reached[to], 1) == 0) pending.push_back(to);
    }
  }
  return std::any_of(graph.accepting.begin(), graph.accepting.end(),
                     [&](uint32_t at) { return reached[at] != 0; });
}

uint32_t NfaBuilder::cost(Expr expr, int depth) {
  if (costs_[expr] == 0) {
    budget_.spend();
    costs_[expr] = std::max<uint32_t>(1, cost_of(expressions_.node(expr), depth));
  }
  return costs_[expr];
}

uint32_t NfaBuilder::cost_of(const Node& node, int depth) {
  uint64_t sum = 1;
  switch (node.kind) {
    case Kind::literal:
      return saturating(expressions_.literal_of(node).size());
    case Kind::chars:
      return saturating(2 * expressions_.chars_of(node).ranges().size());
    case Kind::call:
      return inlined(node.index, depth + 1) ? cost(body(node.index), depth + 1) + 1 : 2;
    case Kind::repeat: {
      const uint64_t times = node.max == kUnbounded ? uint64_t{node.min} + 1 : uint64_t{node.max};
      const uint64_t expanded = cost(node.children.front(), depth) * times;
      return expanded > kMaxExpandedRepetition ? 2 : saturating(expanded + 1);
    }
    case Kind::graph:
      sum += expressions_.graph_of(node).nodes;
      break;
    case Kind::sequence:
    case Kind::choice:
      break;
  }
  for (const Expr child : node.children) sum += cost(child, depth);
  return saturating(sum);
}

bool NfaBuilder::inlined(Rule rule, int depth) {
  Inlined& known = inlined_[rule];
  if (known == Inlined::unknown) {
    if (expressions_.rule(rule).shared || depth > kMaxInlineDepth) {
      known = Inlined::no;
    } else {
      known = Inlined::asking;
      const bool small = cost(body(rule), depth) <= kMaxInlinedRule;
      if (known == Inlined::asking) known = small ? Inlined::yes : Inlined::no;
    }
  } else if (known == Inlined::asking) {
    known = Inlined::no;  // it calls itself
  }
  return known == Inlined::yes;
}

uint32_t NfaBuilder::unit_of(Rule rule) {
  uint32_t& unit = unit_by_rule_[rule];
  if (unit == kNoUnit) {
    unit = static_cast<uint32_t>(units_.size());
    units_.push_back({body(rule), 0, 0, 0, rule});
  }
  return unit;
}

uint32_t NfaBuilder::counter_of(Expr body, uint32_t min, uint32_t max) {
  const auto [it, fresh] = counters_.try_emplace({body, min, max}, 0);
  if (fresh) {
    uint32_t counted = 0;
    if (const auto same = counters_.find({body, 0, 0}); same != counters_.end()) {
      counted = same->second;
    } else {
      counted = static_cast<uint32_t>(units_.size());
      units_.push_back({body, 0, 0, 0, rule_});
      counters_[{body, 0, 0}] = counted;
    }
    it->second = static_cast<uint32_t>(units_.size());
    units_.push_back({std::nullopt, counted, min, max, rule_});
  }
  return it->second;
}

Nfa NfaBuilder::build(uint32_t unit) {
  nfa_ = {};
  nfa_.states.resize(2);
  rule_ = units_[unit].rule;
  add_expr(*units_[unit].body, Nfa::kStart, Nfa::kEnd);
  return std::move(nfa_);
}

uint32_t NfaBuilder::add_state() {
  budget_.spend();
  if (nfa_.states.size() >= kMaxStates) {
    fail(ErrorCode::unsupported, "grammar: rule \"{}\" takes more than {} states; make it smaller",
         expressions_.rule(rule_).name, kMaxStates);
  }
  nfa_.states.emplace_back();
  return static_cast<uint32_t>(nfa_.states.size() - 1);
}

void NfaBuilder::add_expr(Expr expr, uint32_t from, uint32_t to) {
  budget_.spend();
  const Node& node = expressions_.node(expr);
  switch (node.kind) {
    case Kind::literal: {
      const std::string& bytes = expressions_.literal_of(node);
      if (bytes.empty()) nfa_.states[from].empty.push_back(to);
      for (size_t i = 0; i < bytes.size(); ++i) {
        const uint32_t next = i + 1 == bytes.size() ? to : add_state();
        const auto byte = static_cast<uint8_t>(bytes[i]);
        nfa_.states[from].edges.push_back({byte, byte, next});
        from = next;
      }
      return;
    }
    case Kind::chars:
      return add_chars(expressions_.chars_of(node), from, to);
    case Kind::sequence:
      if (node.children.empty()) nfa_.states[from].empty.push_back(to);
      for (size_t i = 0; i < node.children.size(); ++i) {
        const uint32_t next = i + 1 == node.children.size() ? to : add_state();
        add_expr(node.children[i], from, next);
        from = next;
      }
      return;
    case Kind::choice:
      for (const Expr child : node.children) {
        // States of its own: a loop at an alternative's ends must not leak into its sisters.
        const uint32_t begin = add_state();
        nfa_.states[from].empty.push_back(begin);
        add_expr(child, begin, to);
      }
      return;
    case Kind::repeat:
      return add_repeat(expr, from, to);
    case Kind::graph:
      return add_graph(node, from, to);
    case Kind::call:
      break;
  }
  if (inlined(node.index, 0)) return add_expr(body(node.index), from, to);
  nfa_.states[from].calls.push_back({unit_of(node.index), to});
  if (nullable(node.index)) nfa_.states[from].empty.push_back(to);
}

void NfaBuilder::add_chars(const CharSet& chars, uint32_t from, uint32_t to) {
  std::map<std::pair<ByteRange, uint32_t>, uint32_t> before;  // one state for each ending
  for (const Utf8Ranges& product : utf8_ranges(chars)) {
    uint32_t next = to;
    for (int i = product.size - 1; i > 0; --i) {
      const auto [it, fresh] = before.try_emplace({product.bytes[i], next}, 0);
      if (fresh) {
        it->second = add_state();
        nfa_.states[it->second].edges.push_back(
            {product.bytes[i].first, product.bytes[i].last, next});
      }
      next = it->second;
    }
    nfa_.states[from].edges.push_back({product.bytes[0].first, product.bytes[0].last, next});
  }
}

void NfaBuilder::add_repeat(Expr expr, uint32_t from, uint32_t to) {
  const Node& node = expressions_.node(expr);
  const Expr child = node.children.front();
  const uint64_t times = node.max == kUnbounded ? uint64_t{node.min} + 1 : uint64_t{node.max};
  if (times > 1 && cost(child, 0) * times > kMaxExpandedRepetition) {
    // Each count reads something: a body that may be empty makes up for the minimum by itself.
    const bool skippable = nullable_expr(child);
    const uint32_t min = skippable ? 1 : std::max<uint32_t>(node.min, 1);
    nfa_.states[from].calls.push_back({counter_of(child, min, node.max), to});
    if (skippable || node.min == 0) nfa_.states[from].empty.push_back(to);
    return;
  }
  uint32_t at = add_state();
  nfa_.states[from].empty.push_back(at);
  for (uint32_t i = 0; i < node.min; ++i) {
    const uint32_t next = add_state();
    add_expr(child, at, next);
    at = next;
  }
  if (node.max == kUnbounded) {
    const uint32_t loop = add_state();
    nfa_.states[at].empty.push_back(loop);
    add_expr(child, loop, loop);
    nfa_.states[loop].empty.push_back(to);
    return;
  }
  for (uint32_t i = node.min; i < node.max; ++i) {
    const uint32_t next = add_state();
    nfa_.states[at].empty.push_back(to);
    add_expr(child, at, next);
    at = next;
  }
  nfa_.states[at].empty.push_back(to);
}

void NfaBuilder::add_graph(const Node& node, uint32_t from, uint32_t to) {
  const Graph& graph = expressions_.graph_of(node);
  std::vector<uint32_t> states(graph.nodes);
  for (uint32_t& state : states) state = add_state();
  nfa_.states[from].empty.push_back(states[0]);
  for (const Graph::Edge& edge : graph.edges) {
    add_expr(edge.label, states[edge.from], states[edge.to]);
  }
  for (const uint32_t accepting : graph.accepting) {
    nfa_.states[states[accepting]].empty.push_back(to);
  }
}

}  // namespace tarn::text::grammar
