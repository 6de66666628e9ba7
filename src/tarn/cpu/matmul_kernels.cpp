// Matrix products by way of one kernel, rows times rows (cpu/isa/matmul.h): a right side that is
// not stored that way is transposed a few columns at a time into scratch.
#include <algorithm>
#include <cstring>

#include "tarn/cpu/isa/matmul.h"
#include "tarn/cpu/kernels.h"
#include "tarn/cpu/maps.h"

namespace tarn::cpu {
namespace {

// A matrix of a batch: element (i, j) is at i * row + j * column. For the right side, rows are N.
struct MatrixView {
  const std::byte* data;
  Dtype dtype;
  int64_t row;
  int64_t column;

  bool row_major(int64_t columns) const { return column == 1 || columns <= 1; }
  const std::byte* at(int64_t i) const {
    return data + i * row * static_cast<int64_t>(size_of(dtype));
  }
};

// Where matrix `index` of an operand's leading extents begins, in elements.
int64_t batch_offset(const Operand& operand, int64_t index) {
  int64_t offset = 0;
  for (int axis = operand.ndim() - 3; axis >= 0; --axis) {
    offset += index % operand.shape(axis) * operand.stride(axis);
    index /= operand.shape(axis);
  }
  return offset;
}

template <typename T, typename To>
void pack_typed(const MatrixView& from, int64_t first, int64_t rows, int64_t columns, To* to) {
  const T* source = reinterpret_cast<const T*>(from.data) + first * from.row;
  const auto load = [](T x) { return static_cast<To>(Compute<T>::load(x)); };
  if (from.column == 1) {
    for (int64_t i = 0; i < rows; ++i) {
      for (int64_t j = 0; j < columns; ++j) to[i * columns + j] = load(source[i * from.row + j]);
    }
    return;
  }
  // A strip of 16 rows at a time: source lines are used whole, and so are the targets'.
  constexpr int64_t strip = 16;
  for (int64_t i = 0; i < rows; i += strip) {
    const int64_t end = std::min(rows, i + strip);
    for (int64_t j = 0; j < columns; ++j) {
      for (int64_t r = i; r < end; ++r) {
        to[r * columns + j] = load(source[r * from.row + j * from.column]);
      }
    }
  }
}

// Rows [first, first + rows) as contiguous float.
void pack(const MatrixView& from, int64_t first, int64_t rows, int64_t columns, float* to) {
  switch (from.dtype) {
    case Dtype::f16:
      return pack_typed<float16>(from, first, rows, columns, to);
    case Dtype::bf16:
      return pack_typed<bfloat16>(from, first, rows, columns, to);
    default:
      return pack_typed<float>(from, first, rows, columns, to);
  }
}

FloatType float_type(Dtype dtype) {
  return dtype == Dtype::f16    ? FloatType::f16
         : dtype == Dtype::bf16 ? FloatType::bf16
                                : FloatType::f32;
}

constexpr size_t aligned(size_t bytes) { return (bytes + 63) / 64 * 64; }

// A step's sizes, how its work is cut, and where its scratch lies. The cut may depend on the number
// of members: no element's value depends on the cut.
struct Plan {
  Plan(std::span<const Operand> in, std::span<const Operand> out_operands, int members)
      : a(in[0]), b(in[1]), out(out_operands[0]) {
    k = a.shape(-1);
    n = b.shape(-1);
    m = a.shape(-2);
    for (int axis = 0; axis < a.ndim() - 2; ++axis) batches *= a.shape(axis);
    const bool floats = out.dtype <= Dtype::f32 && is_floating(out.dtype);
    const MatrixView left = a_view(0);
    pack_a = floats && !(left.dtype == Dtype::f32 && left.row_major(k));
    pack_b = !floats || !b_view(0).row_major(k);
    const int64_t widest = pack_b ? 64 : 512;
    const int64_t even = (n * batches / (members * 4) + 15) / 16 * 16;
    chunk = std::clamp<int64_t>(even, 16, widest);
    const size_t element = floats ? sizeof(float) : size_of(out.dtype);
    if (pack_a) shared_bytes = aligned(static_cast<size_t>(batches * m * k) * sizeof(float));
    kernel_bytes = floats ? aligned(matmul_kernels(current_isa()).scratch_bytes(m)) : 0;
    if (pack_b) b_bytes = aligned(static_cast<size_t>(chunk * k) * element);
    if (floats && out.dtype != Dtype::f32) {
      out_bytes = aligned(static_cast<size_t>(chunk * m) * sizeof(float));
    }
    if (!floats) out_bytes = aligned(static_cast<size_t>(k) * element);  // one row of a
  }

  MatrixView a_view(int64_t batch) const {
    return {a.data + offset(a, batch), a.dtype, a.stride(-2), a.stride(-1)};
  }
  // The right side with its N as rows.
  MatrixView b_view(int64_t batch) const {
    return {b.data + offset(b, batch), b.dtype, b.stride(-1), b.stride(-2)};
  }
  int64_t chunks() const { return (n + chunk - 1) / chunk; }
  size_t member_bytes() const { return kernel_bytes + b_bytes + out_bytes; }

  const Operand& a;
  const Operand& b;
  const Operand& out;
  int64_t batches = 1;
  int64_t m;
  int64_t n;
  int64_t k;
  int64_t chunk;  // columns of the result in one piece of work
  bool pack_a;
  bool pack_b;
  size_t shared_bytes = 0;  // a as float
  size_t kernel_bytes = 0;  // of each member, as the next two
  size_t b_bytes = 0;
  size_t out_bytes = 0;

 private:
  static int64_t offset(const Operand& operand, int64_t batch) {
    if (batch == 0) return 0;
    return batch_offset(operand, batch) * static_cast<int64_t>(size_of(operand.dtype));
  }
};

// Claims pieces of work until none is left: f(batch, first column, columns).
template <typename F>
void for_each_piece(const KernelArgs& args, const Plan& plan, F&& f) {
  const int64_t chunks = plan.chunks();
  const int64_t total = plan.batches * chunks;
  while (true) {
    const int64_t piece = args.state.next.fetch_add(1, std::memory_order_relaxed);
    if (piece >= total) return;
    const int64_t first = piece % chunks * plan.chunk;
    f(piece / chunks, first, std::min(plan.chunk, plan.n - first));
  }
}

template <typename T>
void store_rounded(const float* values, T* out, int64_t out_stride, int64_t rows, int64_t columns) {
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t j = 0; j < columns; ++j) {
      out[i * out_stride + j] = from_float<T>(values[i * columns + j]);
    }
  }
}

void matmul_floats(const KernelArgs& args, const Plan& plan) {
  auto* packed_a = reinterpret_cast<float*>(args.scratch);
  std::byte* own = args.scratch + plan.shared_bytes +
                   static_cast<size_t>(args.share.member) * plan.member_bytes();
  if (plan.pack_a) {
    const Share::Range rows = args.share.of(plan.batches * plan.m);
    for (int64_t row = rows.begin; row < rows.end;) {
      const int64_t batch = row / plan.m;
      const int64_t count = std::min(rows.end, (batch + 1) * plan.m) - row;
      pack(plan.a_view(batch), row - batch * plan.m, count, plan.k, packed_a + row * plan.k);
      row += count;
    }
    args.meet();
  }
  const MatmulKernels& kernels = matmul_kernels(current_isa());
  auto* packed_b = reinterpret_cast<float*>(own + plan.kernel_bytes);
  auto* narrow_out = reinterpret_cast<float*>(own + plan.kernel_bytes + plan.b_bytes);
  const Dtype out_type = plan.out.dtype;

  for_each_piece(args, plan, [&](int64_t batch, int64_t first, int64_t columns) {
    const MatrixView left = plan.a_view(batch);
    const MatrixView right = plan.b_view(batch);
    MatmulNtArgs product{};
    product.x = plan.pack_a ? packed_a + batch * plan.m * plan.k
                            : reinterpret_cast<const float*>(left.data);
    product.ldx = plan.pack_a ? plan.k : left.row;
    if (plan.pack_b) {
      pack(right, first, columns, plan.k, packed_b);
      product.w = packed_b;
      product.w_type = FloatType::f32;
      product.ldw = plan.k;
    } else {
      product.w = right.at(first);
      product.w_type = float_type(right.dtype);
      product.ldw = right.row;
    }
    const int64_t at = batch * plan.m * plan.n + first;
    const bool direct = out_type == Dtype::f32;
    product.out = direct ? plan.out.as<float>() + at : narrow_out;
    product.ldo = direct ? plan.n : columns;
    product.t = plan.m;
    product.k = plan.k;
    kernels.matmul_nt(product, 0, columns, own);
    if (out_type == Dtype::f16) {
      store_rounded(narrow_out, plan.out.as<float16>() + at, plan.n, plan.m, columns);
    } else if (out_type == Dtype::bf16) {
      store_rounded(narrow_out, plan.out.as<bfloat16>() + at, plan.n, plan.m, columns);
    }
  });
}

// Integers of any width multiply and add as uint64: the low bits are those of their own width.
template <typename T>
using DotAccumulator = std::conditional_t<std::is_integral_v<T>, uint64_t, T>;

template <typename T>
T dot(const T* a, const T* b, int64_t k) {
  constexpr int lanes = 8;
  using Accumulator = DotAccumulator<T>;
  Accumulator sums[lanes] = {};
  int64_t i = 0;
  for (; i + lanes <= k; i += lanes) {
    for (int l = 0; l < lanes; ++l) {
      sums[l] += static_cast<Accumulator>(a[i + l]) * static_cast<Accumulator>(b[i + l]);
    }
  }
  for (int l = 0; i < k; ++i, ++l) {
    sums[l] += static_cast<Accumulator>(a[i]) * static_cast<Accumulator>(b[i]);
  }
  for (int half = lanes / 2; half > 0; half /= 2) {
    for (int l = 0; l < half; ++l) sums[l] += sums[l + half];
  }
  return static_cast<T>(sums[0]);
}

template <typename T>
void matmul_plain(const KernelArgs& args, const Plan& plan) {
  std::byte* own = args.scratch + static_cast<size_t>(args.share.member) * plan.member_bytes();
  T* packed_b = reinterpret_cast<T*>(own);
  T* row = reinterpret_cast<T*>(own + plan.b_bytes);
  for_each_piece(args, plan, [&](int64_t batch, int64_t first, int64_t columns) {
    pack_typed<T>(plan.b_view(batch), first, columns, plan.k, packed_b);
    T* out = plan.out.as<T>() + batch * plan.m * plan.n + first;
    for (int64_t i = 0; i < plan.m; ++i) {
      pack_typed<T>(plan.a_view(batch), i, 1, plan.k, row);
      for (int64_t j = 0; j < columns; ++j) {
        out[i * plan.n + j] = dot(row, packed_b + j * plan.k, plan.k);
      }
    }
  });
}

void matmul(const KernelArgs& args) {
  const Plan plan(args.in, args.out, args.share.count);
  switch (plan.out.dtype) {
    case Dtype::f16:
    case Dtype::bf16:
    case Dtype::f32:
      return matmul_floats(args, plan);
    default:
      dispatch(plan.out.dtype, [&](auto zero) {
        using T = decltype(zero);
        if constexpr (std::is_arithmetic_v<T> && !std::is_same_v<T, bool> &&
                      !std::is_same_v<T, float>) {
          matmul_plain<T>(args, plan);
        }
      });
  }
}

size_t matmul_scratch(const StepShape& shape) {
  // The step may turn out to run on one member, whose pieces are the larger ones.
  size_t most = 0;
  for (const int members : {1, shape.members}) {
    const Plan plan(shape.in, shape.out, members);
    most = std::max(most, plan.shared_bytes + static_cast<size_t>(members) * plan.member_bytes());
  }
  return most;
}

// A multiply-add costs about as much time as moving a quarter of a byte.
int64_t matmul_cost(const StepShape& shape) {
  int64_t bytes = 0;
  for (const Operand& operand : shape.in) bytes += operand.nbytes();
  return bytes + shape.out[0].size() * shape.in[0].shape(-1) / 4;
}

constexpr NamedKernel table[] = {
    {"matmul", {.run = matmul, .scratch = matmul_scratch, .cost = matmul_cost}},
};

}  // namespace

KernelTable matmul_op_kernels() { return table; }

}  // namespace tarn::cpu
