#include "tarn/text/grammar/regex_rules.h"

#include <map>
#include <optional>
#include <utility>

namespace tarn::text::grammar {
namespace {

using Kind = RegexNode::Kind;

class Writer {
 public:
  Writer(bool search, const WriteChars& write, Expressions& out)
      : search_(search), write_(write), out_(out) {}

  // Nothing where an anchor stands elsewhere than at the rim of the text. `at_start`, `at_end`: the
  // node lies at that rim.
  std::optional<Expr> run(const RegexNode& node, bool at_start, bool at_end) {
    switch (node.kind) {
      case Kind::text_start:
        return at_start ? std::optional(padded(std::nullopt, false, at_end)) : std::nullopt;
      case Kind::text_end:
        return at_end ? std::optional(padded(std::nullopt, at_start, false)) : std::nullopt;
      case Kind::chars:
        return padded(write_(node.chars), at_start, at_end);
      case Kind::choice: {
        std::vector<Expr> all;
        for (const RegexNode& child : node.children) {
          const auto one = run(child, at_start, at_end);
          if (!one) return std::nullopt;
          all.push_back(*one);
        }
        return out_.choice(std::move(all));
      }
      case Kind::repeat: {
        const auto body = run(node.children.front(), false, false);
        if (!body) return std::nullopt;
        return padded(out_.repeat(*body, node.min, node.max), at_start, at_end);
      }
      case Kind::sequence:
        return sequence(node, at_start, at_end);
    }
    return std::nullopt;
  }

 private:
  std::optional<Expr> sequence(const RegexNode& node, bool at_start, bool at_end) {
    size_t begin = 0;
    size_t end = node.children.size();
    // An anchor at the rim takes the place of the text that may stand there.
    bool anchored_start = !at_start;
    bool anchored_end = !at_end;
    while (at_start && begin < end && node.children[begin].kind == Kind::text_start) {
      anchored_start = true;
      ++begin;
    }
    while (at_end && begin < end && node.children[end - 1].kind == Kind::text_end) {
      anchored_end = true;
      --end;
    }
    if (begin == end) return padded(std::nullopt, !anchored_start, !anchored_end);
    std::vector<Expr> all;
    for (size_t i = begin; i < end; ++i) {
      const auto one =
          run(node.children[i], i == begin && !anchored_start, i + 1 == end && !anchored_end);
      if (!one) return std::nullopt;
      all.push_back(*one);
    }
    return out_.sequence(std::move(all));
  }

  Expr any() {
    if (!any_) any_ = out_.repeat(write_(CharSet::all()), 0, kUnbounded);
    return *any_;
  }

  Expr padded(std::optional<Expr> expr, bool before, bool after) {
    std::vector<Expr> all;
    if (search_ && before) all.push_back(any());
    if (expr) all.push_back(*expr);
    if (search_ && after) all.push_back(any());
    return out_.sequence(std::move(all));
  }

  const bool search_;
  const WriteChars& write_;
  Expressions& out_;
  std::optional<Expr> any_;
};

}  // namespace

Expr regex_expr(const RegexNode& regex, bool search, const WriteChars& write, Expressions& out) {
  if (const auto simple = Writer(search, write, out).run(regex, true, true)) return *simple;
  return dfa_expr(search ? CharDfa::search(regex) : CharDfa::whole(regex), write, out);
}

Expr dfa_expr(const CharDfa& dfa, const WriteChars& write, Expressions& out) {
  Graph graph;
  graph.nodes = static_cast<uint32_t>(std::max<size_t>(1, dfa.states().size()));
  for (uint32_t i = 0; i < dfa.states().size(); ++i) {
    const CharDfa::State& state = dfa.states()[i];
    if (state.accepting) graph.accepting.push_back(i);
    std::map<uint32_t, CharSet> by_target;
    for (const CharDfa::Edge& edge : state.edges) by_target[edge.to].add(edge.first, edge.last);
    for (const auto& [to, chars] : by_target) graph.add_edge(i, to, write(chars));
  }
  return out.graph(std::move(graph));
}

Expr whole_match(std::string_view pattern, Expressions& out) {
  const WriteChars write = [&](const CharSet& set) { return out.chars(set); };
  return regex_expr(parse_regex(pattern), false, write, out);
}

}  // namespace tarn::text::grammar
