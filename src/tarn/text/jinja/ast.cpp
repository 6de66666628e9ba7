#include "tarn/text/jinja/ast.h"

#include <algorithm>

namespace tarn::text::jinja {
namespace {

int depth_of(const ExprPtr& expr) { return expr ? expr->depth : 0; }

int depth_of(const ExprList& list) {
  int depth = 0;
  for (const ExprPtr& expr : list) depth = std::max(depth, depth_of(expr));
  return depth;
}

int depth_of(const Arguments& arguments) {
  int depth = std::max(
      {depth_of(arguments.positional), depth_of(arguments.star), depth_of(arguments.star_star)});
  for (const auto& [name, value] : arguments.named) depth = std::max(depth, depth_of(value));
  return depth;
}

}  // namespace

int depth_below(const Expr& expr) {
  switch (expr.kind) {
    case ExprKind::constant:
    case ExprKind::name:
      return 0;
    case ExprKind::list:
    case ExprKind::tuple:
    case ExprKind::concat:
      return depth_of(static_cast<const Items&>(expr).items);
    case ExprKind::dict: {
      int depth = 0;
      for (const auto& [key, value] : static_cast<const DictLiteral&>(expr).entries) {
        depth = std::max({depth, depth_of(key), depth_of(value)});
      }
      return depth;
    }
    case ExprKind::unary:
      return depth_of(static_cast<const Unary&>(expr).operand);
    case ExprKind::binary:
    case ExprKind::logical: {
      const auto& binary = static_cast<const Binary&>(expr);
      return std::max(depth_of(binary.left), depth_of(binary.right));
    }
    case ExprKind::compare: {
      const auto& compare = static_cast<const Compare&>(expr);
      int depth = depth_of(compare.first);
      for (const auto& [op, operand] : compare.rest) depth = std::max(depth, depth_of(operand));
      return depth;
    }
    case ExprKind::conditional: {
      const auto& node = static_cast<const Conditional&>(expr);
      return std::max({depth_of(node.condition), depth_of(node.then), depth_of(node.otherwise)});
    }
    case ExprKind::attribute:
      return depth_of(static_cast<const Attribute&>(expr).object);
    case ExprKind::item: {
      const auto& item = static_cast<const Item&>(expr);
      return std::max(depth_of(item.object), depth_of(item.key));
    }
    case ExprKind::slice: {
      const auto& slice = static_cast<const Slice&>(expr);
      return std::max({depth_of(slice.start), depth_of(slice.stop), depth_of(slice.step)});
    }
    case ExprKind::call: {
      const auto& call = static_cast<const Call&>(expr);
      return std::max(depth_of(call.callee), depth_of(call.arguments));
    }
    case ExprKind::filter:
    case ExprKind::test: {
      const auto& filter = static_cast<const FilterCall&>(expr);
      return std::max(depth_of(filter.input), depth_of(filter.arguments));
    }
  }
  return 0;
}

}  // namespace tarn::text::jinja
