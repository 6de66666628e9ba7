// How an operation is declared, and the graph of operations that are not evaluated yet.
//
// An operation is declared in one place: a file of tarn/ops holds its `Op` (name, kind,
// composition) and its builder function, which checks the operands and states the result's shape
// and dtype. Compute units register kernels for it by name (tarn/core/unit.h).
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "tarn/core/array.h"

namespace tarn {

struct OpNode;

struct Op {
  enum class Kind : uint8_t {
    general,
    elementwise,  // out[i] depends on in[i] alone (inputs broadcast): may be fused with its
                  // neighbours
  };
  // The same result from plainer operations; what a unit without a kernel runs, and what tests and
  // gradients take as the definition.
  using Compose = std::vector<array> (*)(const OpNode& node);

  const char* name;
  Kind kind = Kind::general;
  Compose compose = nullptr;
  // Input whose buffer output 0 may take over when nobody else holds it: the kernel reads an
  // element of that input before it writes the same place, or not at all. -1: none.
  int reusable_input = -1;
};

// The identity on bytes, into row-major order: what contiguous() and the composition fallback use.
extern const Op copy_op;

// What one output of an operation is.
struct OutputSpec {
  Shape shape;
  Dtype dtype;
  Strides strides = {};  // filled in by link_outputs: row-major
};

struct Storage;

// A pending operation.
struct OpNode {
  OpNode(const Op& operation, std::vector<array> operands)
      : op(&operation), inputs(std::move(operands)) {}
  virtual ~OpNode();
  OpNode(const OpNode&) = delete;
  OpNode& operator=(const OpNode&) = delete;

  const Op* op;
  std::vector<array> inputs;
  std::vector<OutputSpec> specs;
  std::vector<std::weak_ptr<Storage>> outputs;

  // The parameters that the builder passed to make_arrays.
  template <typename Attributes>
  const Attributes& attributes() const;

  // Scratch of the Program builder, guarded by the evaluation lock.
  uint64_t plan_id = 0;
  int plan_index = 0;
};

template <typename Attributes>
struct OpNodeWith final : OpNode {
  OpNodeWith(const Op& operation, std::vector<array> operands, Attributes values)
      : OpNode(operation, std::move(operands)), attributes_value(std::move(values)) {}
  Attributes attributes_value;
};

template <typename Attributes>
const Attributes& OpNode::attributes() const {
  return static_cast<const OpNodeWith<Attributes>&>(*this).attributes_value;
}

struct NoAttributes {};

std::vector<array> link_outputs(const std::shared_ptr<OpNode>& node, std::vector<OutputSpec> specs);

// New arrays that `op` will compute, row-major each.
template <typename Attributes = NoAttributes>
std::vector<array> make_arrays(const Op& op, std::vector<array> inputs,
                               std::vector<OutputSpec> specs, Attributes attributes = {}) {
  return link_outputs(
      std::make_shared<OpNodeWith<Attributes>>(op, std::move(inputs), std::move(attributes)),
      std::move(specs));
}

template <typename Attributes = NoAttributes>
array make_array(const Op& op, std::vector<array> inputs, const Shape& shape, Dtype dtype,
                 Attributes attributes = {}) {
  return make_arrays(op, std::move(inputs), {{shape, dtype}}, std::move(attributes)).front();
}

// Another look at the bytes of `base`, `byte_offset` further on; strides in elements of `dtype`.
array make_view(const array& base, const Shape& shape, const Strides& strides, int64_t byte_offset,
                Dtype dtype);
inline array make_view(const array& base, const Shape& shape, const Strides& strides,
                       int64_t byte_offset = 0) {
  return make_view(base, shape, strides, byte_offset, base.dtype());
}

}  // namespace tarn
