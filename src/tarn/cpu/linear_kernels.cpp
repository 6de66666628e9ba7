// Products of one x with weight matrices that are stored row by row, several in one step.
#include <algorithm>

#include "tarn/cpu/claims.h"
#include "tarn/cpu/isa/matmul.h"
#include "tarn/cpu/isa/matmul_bf16.h"
#include "tarn/cpu/kernels.h"
#include "tarn/ops/matmul_attributes.h"

namespace tarn::cpu {
namespace {

// Rows of W are claimed in multiples of this.
constexpr int64_t row_grain = 32;

constexpr size_t aligned(size_t bytes) { return (bytes + 63) / 64 * 64; }

FloatType float_type(Dtype dtype) {
  if (dtype == Dtype::f16) return FloatType::f16;
  return dtype == Dtype::bf16 ? FloatType::bf16 : FloatType::f32;
}

// A step's sizes and where its scratch lies: x rounded to bfloat16, once or, when there is only one
// row, by each member for itself, which is cheaper than a meeting; then each member's own.
struct Plan {
  Plan(std::span<const Operand> operands, bool exact, int members)
      : in(operands), k(in[0].shape(-1)), t(k > 0 ? in[0].size() / k : 0) {
    for (size_t i = 1; i < in.size(); ++i) rows += in[i].shape(0);
    if (k == 0) return;
    may_round = !exact && has_bf16_dots(current_isa());
    alone = t == 1;
    bool any_rounded = false;
    for (size_t i = 1; i < in.size(); ++i) any_rounded |= rounds(i);
    if (any_rounded) {
      packed_bytes = aligned(static_cast<size_t>(bf16_packed_size(t, k)) * sizeof(bfloat16));
      kernel_bytes = aligned(matmul_bf16_kernels(current_isa()).scratch_bytes(t));
    }
    kernel_bytes = std::max(kernel_bytes, aligned(matmul_kernels(current_isa()).scratch_bytes(t)));
    shared_bytes = packed_bytes * static_cast<size_t>(alone ? members : 1);
  }

  // Whether matrix in[i] meets a rounded x.
  bool rounds(size_t i) const { return may_round && in[i].dtype == Dtype::bf16; }

  std::span<const Operand> in;
  int64_t k;
  int64_t t;         // rows of x
  int64_t rows = 0;  // of all matrices, which are numbered through
  bool may_round = false;
  bool alone = false;
  size_t packed_bytes = 0;
  size_t shared_bytes = 0;
  size_t kernel_bytes = 0;  // of each member
};

bool is_exact(const OpNode& node) { return node.attributes<LinearAttributes>().exact; }

const bfloat16* round_input(const KernelArgs& args, const Plan& plan) {
  const auto member = static_cast<size_t>(args.share.member);
  auto* const packed =
      reinterpret_cast<bfloat16*>(args.scratch + (plan.alone ? plan.packed_bytes * member : 0));
  const int64_t tiles = (plan.t + bf16_tile_rows - 1) / bf16_tile_rows;
  const Share::Range range = plan.alone ? Share::Range{0, tiles} : args.share.of(tiles);
  matmul_bf16_kernels(current_isa())
      .pack(args.in[0].as<float>(), plan.k, plan.t, plan.k, range.begin, range.end, packed);
  if (!plan.alone) args.meet();
  return packed;
}

// Rows [first, last) of matrix in[i].
void multiply(const KernelArgs& args, const Plan& plan, size_t i, int64_t first, int64_t last,
              const bfloat16* rounded, void* scratch) {
  const Operand& weight = args.in[i];
  auto* const out = args.out[i - 1].as<float>();
  if (plan.rounds(i)) {
    const MatmulBf16Args product{.x = rounded,
                                 .w = weight.as<bfloat16>(),
                                 .ldw = weight.stride(0),
                                 .out = out,
                                 .ldo = weight.shape(0),
                                 .t = plan.t,
                                 .k = plan.k};
    matmul_bf16_kernels(current_isa()).matmul_nt(product, first, last, scratch);
    return;
  }
  const MatmulNtArgs product{.x = args.in[0].as<float>(),
                             .ldx = plan.k,
                             .w = weight.data,
                             .w_type = float_type(weight.dtype),
                             .ldw = weight.stride(0),
                             .out = out,
                             .ldo = weight.shape(0),
                             .t = plan.t,
                             .k = plan.k};
  matmul_kernels(current_isa()).matmul_nt(product, first, last, scratch);
}

void linear(const KernelArgs& args) {
  const Plan plan(args.in, is_exact(args.node), args.share.count);
  if (plan.k == 0) {
    if (args.share.member > 0) return;
    for (const Operand& out : args.out) std::fill_n(out.as<float>(), out.size(), 0.F);
    return;
  }
  const bfloat16* const rounded = plan.packed_bytes > 0 ? round_input(args, plan) : nullptr;
  std::byte* const own =
      args.scratch + plan.shared_bytes + plan.kernel_bytes * static_cast<size_t>(args.share.member);
  Claims claims(args.share, args.state, plan.rows, row_grain);
  Claims::Range range{};
  while (claims.next(range)) {
    int64_t start = 0;  // the matrix's first row
    for (size_t i = 1; i < args.in.size() && start < range.end; ++i) {
      const int64_t rows = args.in[i].shape(0);
      const int64_t first = std::max(range.begin, start) - start;
      const int64_t last = std::min(range.end, start + rows) - start;
      if (first < last) multiply(args, plan, i, first, last, rounded, own);
      start += rows;
    }
  }
}

// The step may turn out to run on one member; it then needs no more than this.
size_t linear_scratch(const StepShape& shape) {
  const Plan plan(shape.in, is_exact(shape.node), shape.members);
  return plan.shared_bytes + plan.kernel_bytes * static_cast<size_t>(shape.members);
}

// A multiply-add takes about as long as moving a quarter of a byte, and is done meanwhile.
int64_t linear_cost(const StepShape& shape) {
  int64_t bytes = 0;
  int64_t products = 0;
  for (const Operand& operand : shape.in) bytes += operand.nbytes();
  for (const Operand& out : shape.out) {
    bytes += out.nbytes();
    products += out.size() * shape.in[0].shape(-1);
  }
  return std::max(bytes, products / 4);
}

// A member's own rows, as far as they lie in the matrix in which they begin.
std::span<const std::byte> linear_ahead(const StepShape& shape, int member) {
  int64_t total = 0;
  for (const Operand& weight : shape.in.subspan(1)) total += weight.shape(0);
  const Claims::Range own = Claims::own(total, row_grain, member, shape.members);
  int64_t start = 0;
  for (const Operand& weight : shape.in.subspan(1)) {
    const int64_t rows = weight.shape(0);
    if (own.begin < start + rows) {
      const int64_t count = std::min(own.end, start + rows) - own.begin;
      const int64_t row_bytes = weight.stride(0) * static_cast<int64_t>(size_of(weight.dtype));
      return {weight.data + (own.begin - start) * row_bytes,
              static_cast<size_t>(count * row_bytes)};
    }
    start += rows;
  }
  return {};
}

constexpr NamedKernel table[] = {
    {"linear",
     {.run = linear, .scratch = linear_scratch, .cost = linear_cost, .ahead = linear_ahead}},
};

}  // namespace

KernelTable linear_kernels() { return table; }

}  // namespace tarn::cpu
