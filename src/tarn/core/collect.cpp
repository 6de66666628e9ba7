// First stage of the Program builder: which operations, in which order, and who else holds their
// results.
#include <map>
#include <mutex>

#include "tarn/base/error.h"
#include "tarn/base/log.h"
#include "tarn/core/program_builder.h"

namespace tarn {
namespace {

std::mutex fallback_mutex;
std::map<std::string, int> fallbacks;

void report_fallback(const Op& op, const Unit& unit) {
  const std::lock_guard lock(fallback_mutex);
  if (fallbacks[op.name]++ == 0) {
    logging::debug("{}: no kernel on unit {}; its composition runs instead", op.name, unit.name());
  }
}

}  // namespace

std::vector<std::string> placement_report() {
  const std::lock_guard lock(fallback_mutex);
  std::vector<std::string> lines;
  for (const auto& [name, times] : fallbacks) lines.push_back(fmt::format("{} ({})", name, times));
  return lines;
}

void ProgramBuilder::collect(const std::vector<array>& roots) {
  for (const array& root : roots) {
    Storage& storage = *root.node()->storage;
    if (storage.producer) visit(producer_of(storage));
  }
  outputs_.resize(order_.size());
  for (size_t i = 0; i < order_.size(); ++i) {
    order_[i]->plan_index = static_cast<int>(i);
    for (const std::weak_ptr<Storage>& output : order_[i]->outputs) {
      outputs_[i].push_back(output.lock());
      if (outputs_[i].back()) see_storage(*outputs_[i].back());
    }
  }
  find_outside_holders();
}

// Depth first without recursion: graphs may be deeper than the stack.
void ProgramBuilder::visit(const std::shared_ptr<OpNode>& root) {
  struct Frame {
    std::shared_ptr<OpNode> node;
    size_t next_input;
  };
  std::vector<Frame> stack;
  const auto enter = [&](const std::shared_ptr<OpNode>& node) {
    if (node->plan_id == id_) return;
    node->plan_id = id_;
    stack.push_back({node, 0});
  };
  enter(root);
  while (!stack.empty()) {
    Frame& frame = stack.back();
    if (frame.next_input == frame.node->inputs.size()) {
      order_.push_back(std::move(frame.node));
      stack.pop_back();
      continue;
    }
    const array& input = frame.node->inputs[frame.next_input++];
    see_input(input);
    Storage& storage = *input.node()->storage;
    if (storage.producer) {
      enter(producer_of(storage));  // invalidates `frame`
    } else if (storage.ready && !storage.ready->done()) {
      program_->inputs_.push_back({storage.ready, storage.step});
    } else if (storage.ready && storage.ready->failed(storage.step)) {
      std::rethrow_exception(storage.ready->error());
    }
  }
}

bool ProgramBuilder::see_storage(Storage& storage) {
  if (storage.plan_id == id_) return false;
  storage.plan_id = id_;
  storage.plan_nodes = 0;
  storage.last_step = -1;
  storage.held_outside = false;
  return true;
}

void ProgramBuilder::see_input(const array& input) {
  Node& node = *input.node();
  see_storage(*node.storage);
  if (node.plan_id != id_) {
    node.plan_id = id_;
    node.plan_uses = 0;
    ++node.storage->plan_nodes;
    inputs_seen_.push_back(&input);
  }
  ++node.plan_uses;
}

// An operation that the unit cannot run is replaced: each of its outputs becomes a copy of what its
// composition computes.
const std::shared_ptr<OpNode>& ProgramBuilder::producer_of(Storage& storage) {
  const std::shared_ptr<OpNode> node = storage.producer;
  if (node->op->kind == Op::Kind::elementwise || unit_.find(*node->op).run != nullptr) {
    return storage.producer;
  }
  if (node->op->compose == nullptr) {
    fail(ErrorCode::unsupported, "[{}] unit {} has no kernel for it, and it has no composition",
         node->op->name, unit_.name());
  }
  report_fallback(*node->op, unit_);
  const std::vector<array> results = node->op->compose(*node);
  for (size_t i = 0; i < node->specs.size(); ++i) {
    const OutputSpec& spec = node->specs[i];
    if (!(results[i].shape() == spec.shape) || results[i].dtype() != spec.dtype) {
      fail(ErrorCode::internal, "[{}] its composition gives {} {} for output {}, declared is {} {}",
           node->op->name, name(results[i].dtype()), to_string(results[i].shape()), i,
           name(spec.dtype), to_string(spec.shape));
    }
    const std::shared_ptr<Storage> output = node->outputs[i].lock();
    if (!output) continue;
    auto copy = std::make_shared<OpNode>(copy_op, std::vector<array>{results[i]});
    copy->specs = {spec};
    copy->outputs = {output};
    output->producer = std::move(copy);
    output->output_index = 0;
  }
  return storage.producer;
}

// A reference that is not an operation of this graph belongs to somebody who may look later: those
// bytes must not be reused. Other threads can only drop references meanwhile, which errs on the
// safe side.
void ProgramBuilder::find_outside_holders() {
  for (const array* input : inputs_seen_) {
    const std::shared_ptr<Node>& node = input->node();
    const long own_locks = node->storage->producer ? 1 : 0;  // in outputs_
    if (node.use_count() > node->plan_uses ||
        node->storage.use_count() > node->storage->plan_nodes + own_locks) {
      node->storage->held_outside = true;
    }
  }
  for (const auto& outputs : outputs_) {
    for (const std::shared_ptr<Storage>& storage : outputs) {
      if (storage && storage.use_count() > storage->plan_nodes + 1) storage->held_outside = true;
    }
  }
}

}  // namespace tarn
