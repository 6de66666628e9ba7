// Compute units and the kernels they register.
//
// A kernel is called by every member of the unit's team with the same arguments but its own Share,
// and does its part of the step; a step that is not worth sharing is run by member 0 alone (count
// 1).
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tarn/base/team.h"
#include "tarn/core/op.h"

namespace tarn {

// An operand of a step: where its bytes are and how they lie.
class Operand {
 public:
  Operand(std::byte* bytes, Dtype type, bool row_major, const Shape& extents, const Strides& steps)
      : data(bytes), dtype(type), contiguous(row_major), shape_(&extents), strides_(&steps) {}

  std::byte* data;
  Dtype dtype;
  bool contiguous;  // row-major without gaps

  const Shape& shape() const { return *shape_; }
  const Strides& strides() const { return *strides_; }  // in elements
  int64_t shape(int axis) const { return (*shape_)[axis < 0 ? axis + shape_->rank() : axis]; }
  int64_t stride(int axis) const { return (*strides_)[axis < 0 ? axis + strides_->rank() : axis]; }
  int ndim() const { return shape_->rank(); }
  int64_t size() const { return element_count(*shape_); }
  int64_t nbytes() const { return size() * static_cast<int64_t>(size_of(dtype)); }
  template <typename T>
  T* as() const {
    return reinterpret_cast<T*>(data);
  }

 private:
  const Shape* shape_;  // of the graph's node: no copies while a Program is built
  const Strides* strides_;
};

// One member's part of a step.
struct Share {
  int member = 0;
  int count = 1;

  struct Range {
    int64_t begin;
    int64_t end;
  };
  // The member's part of [0, total), cut at multiples of `grain`.
  Range of(int64_t total, int64_t grain = 1) const {
    const int64_t blocks = (total + grain - 1) / grain;
    const int64_t begin = blocks * member / count * grain;
    const int64_t end = blocks * (member + 1) / count * grain;
    return {begin < total ? begin : total, end < total ? end : total};
  }
};

// What the members of a step share while it runs.
struct StepState {
  std::atomic<int64_t> next{0};  // for claiming chunks of work; 0 when the step begins
};

struct KernelArgs {
  const OpNode& node;
  std::span<const Operand> in;
  std::span<const Operand> out;
  Share share;
  StepState& state;
  std::byte* scratch =
      nullptr;                 // as many bytes as the entry's scratch() asked for, 64-byte aligned
  Barrier* barrier = nullptr;  // null when count is 1

  template <typename Attributes>
  const Attributes& attributes() const {
    return node.attributes<Attributes>();
  }
  // All members of the step meet here. A kernel that meets must not throw after the first meeting.
  void meet() const {
    if (barrier != nullptr) barrier->wait();
  }
};

using KernelFunction = void (*)(const KernelArgs& args);
// Operands as the step will see them, data pointers unset.
struct StepShape {
  const OpNode& node;
  std::span<const Operand> in;
  std::span<const Operand> out;
  int members;
};

struct Kernel {
  KernelFunction run = nullptr;
  // Bytes of scratch memory; null: none.
  size_t (*scratch)(const StepShape& shape) = nullptr;
  // Work in bytes moved (or their equivalent in time); null: the bytes of all operands. Steps under
  // `serial_limit` bytes run on one member.
  int64_t (*cost)(const StepShape& shape) = nullptr;
  // What `member` will read first, and has not read before: it is fetched into the cache while the
  // member waits for the step to begin. Null: nothing.
  std::span<const std::byte> (*ahead)(const StepShape& shape, int member) = nullptr;
};

inline constexpr int64_t serial_limit = 32 << 10;

// One instruction of a fused elementwise step: `n` values from up to three inputs to `out`, each
// contiguous, of the types it was selected for. in[i] may equal out.
using MapFunction = void (*)(const void* const* in, void* out, int64_t n);

class Unit {
 public:
  virtual ~Unit() = default;
  virtual std::string_view name() const = 0;
  // Null run: the unit has no kernel for it.
  virtual Kernel find(const Op& op) const = 0;
  // For elementwise operations; null: not on these types.
  virtual MapFunction find_map(const Op& op, std::span<const Dtype> in, Dtype out) const = 0;
};

// The unit that evaluates when none is named; each build links exactly one definition
// (tarn/cpu/unit.cpp).
const Unit& default_unit();

// Operations that ran through their composition because the unit lacks a kernel: "name (times)".
std::vector<std::string> placement_report();

}  // namespace tarn
