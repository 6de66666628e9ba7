// Rules on their way from expressions to automata: nondeterministic, with edges of bytes and calls.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <tuple>
#include <vector>

#include "tarn/text/grammar/expressions.h"

namespace tarn::text::grammar {

struct Nfa {
  struct Edge {
    uint8_t first;
    uint8_t last;
    uint32_t to;
  };
  struct Call {
    uint32_t unit;
    uint32_t to;
  };
  struct State {
    std::vector<Edge> edges;
    std::vector<Call> calls;
    std::vector<uint32_t> empty;  // reached without reading
  };
  static constexpr uint32_t kStart = 0;
  static constexpr uint32_t kEnd = 1;
  std::vector<State> states;
};

// Refuses work past kMaxCompileSteps.
class StepBudget {
 public:
  void spend(uint64_t steps = 1);

 private:
  uint64_t spent_ = 0;
};

// What gets an automaton of its own: a rule, or the body of a repetition that is counted.
struct Unit {
  std::optional<Expr> body;  // none: this is a counter
  uint32_t counted = 0;      // of a counter: the unit that it repeats
  uint32_t min = 0;          // of a counter; at least 1
  uint32_t max = 0;
  Rule rule = 0;  // that it belongs to, for messages
};

// Decides what becomes a unit and builds their Nfas one by one.
class NfaBuilder {
 public:
  NfaBuilder(const Expressions& expressions, Rule root, StepBudget& budget);

  // Unit 0 is the root. Building one may add units.
  const std::vector<Unit>& units() const { return units_; }
  Nfa build(uint32_t unit);
  bool nullable(Rule rule) const { return nullable_[rule] != 0; }

 private:
  Expr body(Rule rule) const;
  void find_nullable(Rule root);
  bool nullable_expr(Expr expr);
  bool nullable_graph(const Expressions::Node& node);
  void callees(Expr expr, std::vector<Rule>& out);

  // About how many states an expression takes, saturating.
  uint32_t cost(Expr expr, int depth);
  uint32_t cost_of(const Expressions::Node& node, int depth);
  bool inlined(Rule rule, int depth);

  uint32_t add_state();
  void add_expr(Expr expr, uint32_t from, uint32_t to);
  void add_chars(const CharSet& chars, uint32_t from, uint32_t to);
  void add_repeat(Expr expr, uint32_t from, uint32_t to);
  void add_graph(const Expressions::Node& node, uint32_t from, uint32_t to);
  uint32_t unit_of(Rule rule);
  uint32_t counter_of(Expr body, uint32_t min, uint32_t max);

  enum class Inlined : uint8_t { unknown, asking, no, yes };
  const Expressions& expressions_;
  StepBudget& budget_;
  std::vector<uint8_t> nullable_;  // by rule
  std::vector<Inlined> inlined_;   // by rule
  std::vector<uint32_t> costs_;    // by expression; 0: not known
  std::vector<uint32_t> unit_by_rule_;
  std::map<std::tuple<Expr, uint32_t, uint32_t>, uint32_t> counters_;
  std::vector<Unit> units_;
  Rule rule_ = 0;  // whose unit is being built
  Nfa nfa_;
};

}  // namespace tarn::text::grammar
