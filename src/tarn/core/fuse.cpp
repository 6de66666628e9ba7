// Second stage: elementwise operations join the one operation that consumes them.
#include <algorithm>
#include <array>

#include "tarn/core/program_builder.h"

namespace tarn {
namespace {

// Each instruction takes a register, and each input that comes from outside the group.
int registers_of(const OpNode& node) { return static_cast<int>(node.inputs.size()) + 1; }

bool is_map(const OpNode& node) { return node.op->kind == Op::Kind::elementwise; }

}  // namespace

// In reverse order each operation's consumers are known when it is reached. One whose consumers are
// all in one elementwise group, that reads it without a view and has its shape, joins that group;
// then its result is never stored.
void ProgramBuilder::group() {
  const auto count = order_.size();
  constexpr int no_consumer = -1;
  constexpr int mixed = -2;
  std::vector<int> consumer(count, no_consumer);  // the group that reads all outputs of i, or mixed
  group_of_.assign(count, -1);

  for (size_t i = count; i-- > 0;) {
    const OpNode& node = *order_[i];
    const Storage* output = outputs_[i].empty() ? nullptr : outputs_[i][0].get();
    int target = -1;
    if (is_map(node) && consumer[i] >= 0 && output != nullptr && !output->held_outside) {
      const Group& group = groups_[static_cast<size_t>(consumer[i])];
      const OpNode& sink = *order_[static_cast<size_t>(group.members.front())];
      if (is_map(sink) && sink.specs[0].shape == node.specs[0].shape &&
          group.registers + registers_of(node) - 1 <= MapProgram::max_registers) {
        target = consumer[i];
      }
    }
    if (target < 0) {
      target = static_cast<int>(groups_.size());
      groups_.emplace_back();
    }
    Group& joined = groups_[static_cast<size_t>(target)];
    joined.registers += registers_of(node) - (joined.members.empty() ? 0 : 1);
    joined.members.push_back(static_cast<int>(i));
    group_of_[i] = target;

    for (const array& input : node.inputs) {
      const Storage& storage = *input.node()->storage;
      if (!storage.producer) continue;
      int& reader = consumer[static_cast<size_t>(storage.producer->plan_index)];
      const bool plain = input.contiguous() && input.node()->offset == 0 &&
                         input.shape() == node.specs[0].shape &&
                         input.dtype() == storage.producer->specs[0].dtype;
      if (!plain || (reader != no_consumer && reader != target)) {
        reader = mixed;
      } else {
        reader = target;
      }
    }
  }
  for (Group& group : groups_) std::reverse(group.members.begin(), group.members.end());
  // A group runs where its sink stood; groups were opened in descending order of their sinks.
  std::reverse(groups_.begin(), groups_.end());
  const int last = static_cast<int>(groups_.size()) - 1;
  for (int& group : group_of_) group = last - group;
}

}  // namespace tarn
