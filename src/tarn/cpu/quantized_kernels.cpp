#include <algorithm>

#include "tarn/base/error.h"
#include "tarn/cpu/claims.h"
#include "tarn/cpu/isa/qmatmul.h"
#include "tarn/cpu/kernels.h"
#include "tarn/ops/quantized_attributes.h"
#include "tarn/quant/affine.h"

namespace tarn::cpu {
namespace {

constexpr size_t alignment = 64;
// Panels are claimed in multiples of this: as many as the products of many tokens take side by
// side.
constexpr int64_t panel_grain = 4;

template <typename F>
void with_scale(Dtype dtype, F&& f) {
  if (dtype == Dtype::f16) return f(float16{});
  if (dtype == Dtype::bf16) return f(bfloat16{});
  f(float{});
}

void quantize(const KernelArgs& args) {
  const auto& a = args.attributes<AffineAttributes>();
  const auto columns = static_cast<size_t>(args.in[0].shape(1));
  const auto words = static_cast<int64_t>(quant::packed_words(columns, a.bits));
  const int64_t groups = args.out[1].shape(1);
  const Share::Range rows = args.share.of(args.in[0].shape(0));
  with_scale(args.out[1].dtype, [&](auto scale) {
    using Scale = decltype(scale);
    quant::affine_encode({a.bits, a.group_size}, static_cast<size_t>(rows.end - rows.begin),
                         columns,
                         args.in[0].as<float>() + rows.begin * static_cast<int64_t>(columns),
                         args.out[0].as<uint32_t>() + rows.begin * words,
                         args.out[1].as<Scale>() + rows.begin * groups,
                         args.out[2].as<Scale>() + rows.begin * groups);
  });
}

void dequantize(const KernelArgs& args) {
  const auto& a = args.attributes<AffineAttributes>();
  const int64_t columns = args.out[0].shape(1);
  const int64_t words = args.in[0].shape(1);
  const int64_t groups = args.in[1].shape(1);
  const Share::Range rows = args.share.of(args.out[0].shape(0));
  with_scale(args.out[0].dtype, [&](auto scale) {
    using Scale = decltype(scale);
    quant::affine_decode(
        {a.bits, a.group_size}, static_cast<size_t>(rows.end - rows.begin),
        static_cast<size_t>(columns), args.in[0].as<uint32_t>() + rows.begin * words,
        args.in[1].as<Scale>() + rows.begin * groups, args.in[2].as<Scale>() + rows.begin * groups,
        args.out[0].as<Scale>() + rows.begin * columns);
  });
}

size_t activation_bytes(const PanelAttributes& a, int64_t tokens) {
  const size_t bytes = quantized_activations_size(
      static_cast<size_t>(tokens), static_cast<size_t>(a.columns), a.format.group_size);
  return (bytes + alignment - 1) / alignment * alignment;
}

int64_t tokens_of(const Operand& x) { return x.shape(-1) > 0 ? x.size() / x.shape(-1) : 0; }

// One token is quantized by each member for itself, which is cheaper than a meeting.
size_t quantized_matmul_scratch(const StepShape& shape) {
  const auto& a = shape.node.attributes<QuantizedMatmulAttributes>().matrices[0];
  if (a.exact) return 0;
  const int64_t tokens = tokens_of(shape.in[0]);
  return activation_bytes(a, tokens) * static_cast<size_t>(tokens == 1 ? shape.members : 1);
}

QuantizedActivations quantize_input(const KernelArgs& args, const PanelAttributes& a,
                                    int64_t tokens, const QMatmulKernels& kernels) {
  const bool alone = tokens == 1;
  std::byte* buffer =
      args.scratch +
      (alone ? activation_bytes(a, tokens) * static_cast<size_t>(args.share.member) : size_t{0});
  const auto columns = static_cast<size_t>(a.columns);
  const QuantizedActivations x =
      quantized_activations_in(buffer, static_cast<size_t>(tokens), columns, a.format.group_size);
  const Share::Range range = alone ? Share::Range{0, 1} : args.share.of(tokens);
  kernels.quantize_activations(args.in[0].as<float>(), columns, static_cast<size_t>(tokens),
                               columns, a.format.group_size, static_cast<size_t>(range.begin),
                               static_cast<size_t>(range.end), x);
  if (!alone) args.meet();
  return x;
}

int64_t panels_of(const PanelAttributes& a) {
  return static_cast<int64_t>(quant::panel_count(static_cast<size_t>(a.rows)));
}

int64_t panels_of(const QuantizedMatmulAttributes& a) {
  int64_t panels = 0;
  for (const PanelAttributes& matrix : a.matrices) panels += panels_of(matrix);
  return panels;
}

// The panels of all matrices are numbered through.
void quantized_matmul(const KernelArgs& args) {
  const auto& a = args.attributes<QuantizedMatmulAttributes>();
  const bool exact = a.matrices[0].exact;
  const QMatmulKernels& kernels = qmatmul_kernels(current_isa());
  const int64_t tokens = tokens_of(args.in[0]);
  if (tokens == 0) return;
  QuantizedActivations x{};
  if (!exact) x = quantize_input(args, a.matrices[0], tokens, kernels);
  Claims claims(args.share, args.state, panels_of(a), panel_grain);
  Claims::Range range{};
  while (claims.next(range)) {
    int64_t start = 0;  // the matrix's first panel
    for (size_t i = 0; i < a.matrices.size() && start < range.end; ++i) {
      const PanelAttributes& matrix = a.matrices[i];
      const int64_t panels = panels_of(matrix);
      const int64_t first = std::max(range.begin, start) - start;
      const int64_t last = std::min(range.end, start + panels) - start;
      start += panels;
      if (first >= last) continue;
      const PanelMatrix weights{matrix.format, args.in[i + 1].data,
                                static_cast<size_t>(matrix.rows),
                                static_cast<size_t>(matrix.columns)};
      float* out = args.out[i].as<float>();
      if (exact) {
        kernels.matmul_exact(weights, static_cast<size_t>(first), static_cast<size_t>(last),
                             args.in[0].as<float>(), weights.inputs, static_cast<size_t>(tokens),
                             out, weights.rows);
      } else {
        kernels.matmul(weights, static_cast<size_t>(first), static_cast<size_t>(last), x,
                       static_cast<size_t>(tokens), out, weights.rows);
      }
    }
  }
}

// A member's own panels, as far as they lie in the matrix in which they begin.
std::span<const std::byte> quantized_matmul_ahead(const StepShape& shape, int member) {
  const auto& a = shape.node.attributes<QuantizedMatmulAttributes>();
  const Claims::Range own = Claims::own(panels_of(a), panel_grain, member, shape.members);
  int64_t start = 0;
  for (size_t i = 0; i < a.matrices.size(); ++i) {
    const PanelAttributes& matrix = a.matrices[i];
    const int64_t panels = panels_of(matrix);
    if (own.begin < start + panels) {
      const auto stride = static_cast<int64_t>(
          quant::panel_stride(matrix.format, static_cast<size_t>(matrix.columns)));
      const int64_t count = std::min(own.end, start + panels) - own.begin;
      return {shape.in[i + 1].data + (own.begin - start) * stride,
              static_cast<size_t>(count * stride)};
    }
    start += panels;
  }
  return {};
}

void quantized_embedding(const KernelArgs& args) {
  const auto& a = args.attributes<PanelAttributes>();
  const int64_t* ids = args.in[0].as<int64_t>();
  const Share::Range range = args.share.of(args.in[0].size());
  for (int64_t i = range.begin; i < range.end; ++i) {
    if (ids[i] < 0 || ids[i] >= a.rows) {
      fail(ErrorCode::invalid_argument, "[quantized_embedding] id {} is outside [0, {})", ids[i],
           a.rows);
    }
    quant::unpack_row(a.format, static_cast<size_t>(a.columns), args.in[1].data,
                      static_cast<size_t>(ids[i]), args.out[0].as<float>() + i * a.columns);
  }
}

int64_t embedding_cost(const StepShape& shape) { return shape.out[0].nbytes() * 2; }

constexpr NamedKernel table[] = {
    {"quantize", {.run = quantize}},
    {"dequantize", {.run = dequantize}},
    {"quantized_matmul",
     {.run = quantized_matmul,
      .scratch = quantized_matmul_scratch,
      .ahead = quantized_matmul_ahead}},
    {"quantized_embedding", {.run = quantized_embedding, .cost = embedding_cost}},
};

}  // namespace

KernelTable quantized_kernels() { return table; }

}  // namespace tarn::cpu
