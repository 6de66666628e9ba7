#include "tarn/core/op.h"

#include "tarn/core/node.h"

namespace tarn {

const Op copy_op{.name = "copy", .kind = Op::Kind::elementwise};

// A long chain of pending operations would destroy itself recursively and overflow the stack: the
// outermost destructor collects the producers that die with it and frees them one after another.
OpNode::~OpNode() {
  thread_local std::vector<std::shared_ptr<OpNode>>* pending = nullptr;
  std::vector<std::shared_ptr<OpNode>> own;
  const bool outermost = pending == nullptr;
  if (outermost) pending = &own;
  for (array& input : inputs) {
    const std::shared_ptr<Node>& node = input.node();
    if (node == nullptr || node.use_count() > 1) continue;
    const std::shared_ptr<Storage>& storage = node->storage;
    if (storage.use_count() == 1 && storage->producer)
      pending->push_back(std::move(storage->producer));
  }
  inputs.clear();
  if (!outermost) return;
  while (!own.empty()) {
    const std::shared_ptr<OpNode> next = std::move(own.back());
    own.pop_back();
  }
  pending = nullptr;
}

std::vector<array> link_outputs(const std::shared_ptr<OpNode>& node,
                                std::vector<OutputSpec> specs) {
  std::vector<array> arrays;
  arrays.reserve(specs.size());
  node->outputs.reserve(specs.size());
  for (size_t i = 0; i < specs.size(); ++i) {
    element_count(specs[i].shape);  // an error here, not at evaluation
    auto storage = std::make_shared<Storage>();
    storage->producer = node;
    storage->output_index = static_cast<int>(i);
    auto out = std::make_shared<Node>();
    out->dtype = specs[i].dtype;
    out->shape = specs[i].shape;
    specs[i].strides = contiguous_strides(specs[i].shape);
    out->strides = specs[i].strides;
    node->outputs.push_back(storage);
    out->storage = std::move(storage);
    arrays.emplace_back(std::move(out));
  }
  node->specs = std::move(specs);
  return arrays;
}

array make_view(const array& base, const Shape& shape, const Strides& strides, int64_t byte_offset,
                Dtype dtype) {
  auto view = std::make_shared<Node>();
  view->dtype = dtype;
  view->shape = shape;
  view->strides = strides;
  view->offset = base.node()->offset + byte_offset;
  view->contiguous = is_contiguous(shape, strides);
  view->storage = base.node()->storage;
  return array(std::move(view));
}

}  // namespace tarn
