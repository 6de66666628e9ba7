// From rules to one automaton: each unit determinized, checked, trimmed and laid out in tables.
#include <algorithm>
#include <utility>

#include "tarn/base/error.h"
#include "tarn/text/grammar/automaton.h"
#include "tarn/text/grammar/determinize.h"
#include "tarn/text/grammar/limits.h"
#include "tarn/text/grammar/nfa.h"

namespace tarn::text::grammar {

class AutomatonBuilder {
 public:
  AutomatonBuilder(const Expressions& expressions, Rule root)
      : expressions_(expressions), builder_(expressions, root, budget_) {}

  Automaton run() {
    determinize_units();
    order_units();
    trim();
    number_states();
    fill_tables();
    fill_first();
    return std::move(out_);
  }

 private:
  struct Compiled {
    Dfa dfa;         // of a unit with a body. State 0 is where a whole grammar starts,
    uint32_t entry;  // this one where calls enter: the same, less the right to end at once
    State base = 0;
    std::vector<uint8_t> productive;  // by state: some text leads to the end
    bool callable = false;            // its entry is productive
  };

  const Unit& unit(uint32_t i) const { return builder_.units()[i]; }
  bool is_counter(uint32_t i) const { return !unit(i).body; }
  const std::string& name(uint32_t i) const { return expressions_.rule(unit(i).rule).name; }

  void determinize_units() {
    for (uint32_t i = 0; i < builder_.units().size(); ++i) {
      compiled_.emplace_back();
      if (is_counter(i)) continue;
      Dfa& dfa = compiled_[i].dfa;
      dfa = determinize(builder_.build(i), kMaxStates - states_, budget_);
      if (dfa.states[0].accepting) {
        Dfa::State entry = dfa.states[0];
        entry.accepting = false;
        compiled_[i].entry = static_cast<uint32_t>(dfa.states.size());
        dfa.states.push_back(std::move(entry));
      } else {
        compiled_[i].entry = 0;
      }
      states_ += static_cast<uint32_t>(dfa.states.size());
    }
  }

  template <typename Visit>
  void for_each_leftmost(uint32_t i, Visit&& visit) const {
    if (is_counter(i)) {
      visit(unit(i).counted);
    } else {
      for (const Dfa::Call& call : compiled_[i].dfa.states[compiled_[i].entry].calls) {
        visit(call.unit);
      }
    }
  }

  // Orders units so that each comes behind those that it may begin with; a circle of them is left
  // recursion.
  void order_units() {
    enum : uint8_t { fresh, open, done };
    std::vector<uint8_t> mark(compiled_.size(), fresh);
    struct Visit {
      uint32_t unit;
      std::vector<uint32_t> leftmost;
    };
    std::vector<Visit> path;
    const auto enter = [&](uint32_t i) {
      mark[i] = open;
      path.push_back({i, {}});
      for_each_leftmost(i, [&](uint32_t to) { path.back().leftmost.push_back(to); });
    };
    for (uint32_t root = 0; root < compiled_.size(); ++root) {
      if (mark[root] != fresh) continue;
      enter(root);
      while (!path.empty()) {
        Visit& top = path.back();
        if (top.leftmost.empty()) {
          mark[top.unit] = done;
          order_.push_back(top.unit);
          path.pop_back();
          continue;
        }
        const uint32_t to = top.leftmost.back();
        top.leftmost.pop_back();
        if (mark[to] == fresh) {
          enter(to);
        } else if (mark[to] == open) {
          std::string circle;
          size_t from = path.size() - 1;
          while (path[from].unit != to) --from;
          const size_t shown = std::min(path.size(), from + 8);
          for (; from < shown; ++from) circle += fmt::format("{} -> ", name(path[from].unit));
          fail(ErrorCode::unsupported,
               "grammar: rule \"{}\" is left-recursive ({}{}): write what comes first ahead of the "
               "recursion, as in: list ::= item (\",\" item)*",
               name(to), circle, name(to));
        }
      }
    }
  }

  // Finds the states from which the end of their unit can be reached, and forgets ways to others.
  void trim() {
    constexpr uint32_t kBytes = UINT32_MAX;
    struct Waiting {
      uint32_t unit;
      uint32_t state;
      uint32_t called;  // unit that must be callable too, or kBytes
    };
    std::vector<std::vector<std::vector<Waiting>>> waiting(compiled_.size());  // for a state
    std::vector<std::vector<Waiting>> waiting_for_unit(compiled_.size());
    std::vector<std::pair<uint32_t, uint32_t>> pending;
    const auto mark = [&](uint32_t i, uint32_t state) {
      if (std::exchange(compiled_[i].productive[state], 1) == 0) pending.emplace_back(i, state);
    };
    for (uint32_t i = 0; i < compiled_.size(); ++i) {
      if (is_counter(i)) {
        waiting_for_unit[unit(i).counted].push_back({i, 0, kBytes});
        compiled_[i].productive.resize(1);
        waiting[i].resize(1);
        continue;
      }
      const Dfa& dfa = compiled_[i].dfa;
      compiled_[i].productive.resize(dfa.states.size());
      waiting[i].resize(dfa.states.size());
      for (uint32_t s = 0; s < dfa.states.size(); ++s) {
        if (dfa.states[s].accepting) mark(i, s);
        for (const Dfa::Edge& edge : dfa.states[s].edges)
          waiting[i][edge.to].push_back({i, s, kBytes});
        for (const Dfa::Call& call : dfa.states[s].calls) {
          waiting[i][call.to].push_back({i, s, call.unit});
          waiting_for_unit[call.unit].push_back({i, s, call.to});
        }
      }
    }
    while (!pending.empty()) {
      const auto [i, state] = pending.back();
      pending.pop_back();
      for (const Waiting& one : waiting[i][state]) {
        if (one.called == kBytes || compiled_[one.called].callable) mark(one.unit, one.state);
      }
      if (state != (is_counter(i) ? 0 : compiled_[i].entry)) continue;
      if (std::exchange(compiled_[i].callable, true)) continue;
      for (const Waiting& one : waiting_for_unit[i]) {
        if (is_counter(one.unit) || compiled_[one.unit].productive[one.called] != 0) {
          mark(one.unit, one.state);
        }
      }
    }
    for (uint32_t i = 0; i < compiled_.size(); ++i) {
      for (Dfa::State& state : compiled_[i].dfa.states) {
        std::erase_if(state.edges,
                      [&](const Dfa::Edge& edge) { return compiled_[i].productive[edge.to] == 0; });
        std::erase_if(state.calls, [&](const Dfa::Call& call) {
          return compiled_[i].productive[call.to] == 0 || !compiled_[call.unit].callable;
        });
      }
    }
    if (compiled_[0].productive[0] == 0) {
      fail(ErrorCode::invalid_argument, "grammar: no text matches rule \"{}\"", name(0));
    }
  }

  void number_states() {
    State next = 0;
    for (Compiled& one : compiled_) {
      one.base = next;
      next += static_cast<State>(one.dfa.states.size());
    }
    out_.table_states_ = next;
    out_.start_ = 0;
    for (uint32_t i = 0; i < compiled_.size(); ++i) {
      if (!is_counter(i)) continue;
      const Compiled& counted = compiled_[unit(i).counted];
      out_.counters_.push_back({next, unit(i).min, unit(i).max, counted.base + counted.entry});
      compiled_[i].base = next;
      const uint64_t after = uint64_t{next} + out_.counters_.back().states();
      if (after >= kNoState) {
        fail(ErrorCode::unsupported, "grammar: too many counted repetitions; make them fewer");
      }
      next = static_cast<State>(after);
    }
  }

  void divide_bytes() {
    std::bitset<257> border;
    border.set(0);
    for (const Compiled& one : compiled_) {
      for (const Dfa::State& state : one.dfa.states) {
        for (const Dfa::Edge& edge : state.edges) {
          border.set(edge.first);
          border.set(edge.last + 1U);
        }
      }
    }
    uint8_t current = 0;
    for (unsigned byte = 0; byte < 256; ++byte) {
      if (byte > 0 && border.test(byte)) ++current;
      out_.class_of_[byte] = current;
    }
    out_.classes_ = current + 1U;
  }

  void fill_tables() {
    divide_bytes();
    const uint64_t entries = uint64_t{out_.table_states_} * out_.classes_;
    if (entries > kMaxTableEntries) {
      fail(ErrorCode::unsupported, "grammar: its {} states take too much memory; make it smaller",
           out_.table_states_);
    }
    out_.table_.assign(entries, kNoState);
    out_.flags_.assign(out_.table_states_, 0);
    out_.call_begin_.reserve(out_.table_states_ + 1);
    State* row = out_.table_.data();
    for (const Compiled& one : compiled_) {
      for (const Dfa::State& state : one.dfa.states) {
        uint8_t& flags = out_.flags_[out_.call_begin_.size()];
        if (state.accepting) flags |= Automaton::kAccepting;
        if (state.edges.empty() && state.calls.empty()) flags |= Automaton::kDeadEnd;
        for (const Dfa::Edge& edge : state.edges) {
          for (unsigned c = out_.class_of_[edge.first]; c <= out_.class_of_[edge.last]; ++c) {
            row[c] = one.base + edge.to;
          }
        }
        out_.call_begin_.push_back(static_cast<uint32_t>(out_.calls_.size()));
        for (const Dfa::Call& call : state.calls) {
          const Compiled& called = compiled_[call.unit];
          out_.calls_.push_back({called.base + called.entry, one.base + call.to});
        }
        row += out_.classes_;
      }
    }
    out_.call_begin_.push_back(static_cast<uint32_t>(out_.calls_.size()));
  }

  void fill_first() {
    out_.first_.resize(out_.table_states_);
    const auto fill = [&](State state) {
      ByteSet& first = out_.first_[state];
      for (unsigned byte = 0; byte < 256; ++byte) {
        if (out_.next(state, static_cast<uint8_t>(byte)) != kNoState) first.set(byte);
      }
      out_.for_each_call(state,
                         [&](const Automaton::Call& call) { first |= out_.first(call.entry); });
    };
    for (const uint32_t i : order_) {
      if (!is_counter(i)) fill(compiled_[i].base + compiled_[i].entry);
    }
    for (State state = 0; state < out_.table_states_; ++state) fill(state);
  }

  const Expressions& expressions_;
  StepBudget budget_;
  NfaBuilder builder_;
  std::vector<Compiled> compiled_;  // by unit
  std::vector<uint32_t> order_;
  uint32_t states_ = 0;
  Automaton out_;
};

Automaton compile(const Expressions& expressions, Rule root) {
  return AutomatonBuilder(expressions, root).run();
}

}  // namespace tarn::text::grammar
