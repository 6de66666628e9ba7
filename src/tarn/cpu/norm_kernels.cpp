#include "tarn/cpu/isa/norm.h"
#include "tarn/cpu/kernels.h"
#include "tarn/cpu/rows.h"
#include "tarn/ops/norm_attributes.h"

namespace tarn::cpu {
namespace {

using RowFunction = void (*)(const NormArgs&, int64_t, int64_t);

// Runs of x share one stride; the gate is walked by the same runs, so it must be laid out alike or
// dense: rows are then done one by one.
void norm(const KernelArgs& args, RowFunction function) {
  const auto& attributes = args.attributes<NormAttributes>();
  const Operand& x = args.in[0];
  const Operand& out = args.out[0];
  const int64_t d = x.shape(-1);
  NormArgs norm_args{};
  norm_args.d = d;
  norm_args.ldo = d;
  norm_args.eps = attributes.eps;
  norm_args.weight_offset = attributes.weight_offset;
  size_t next = 1;
  if (attributes.has_weight) {
    norm_args.weight = args.in[next].data;
    norm_args.param_type = float_type(args.in[next++].dtype);
  }
  if (attributes.has_bias) {
    norm_args.bias = args.in[next].data;
    norm_args.param_type = float_type(args.in[next++].dtype);
  }
  const Operand* gate = attributes.has_gate ? &args.in[next] : nullptr;

  const Share::Range range = args.share.of(out.size() / d);
  for_row_runs(x, range.begin, range.end,
               [&](int64_t begin, int64_t end, const float* rows, int64_t stride) {
                 norm_args.x = rows;
                 norm_args.ldx = stride;
                 norm_args.out = out.as<float>() + begin * d;
                 if (gate == nullptr) {
                   function(norm_args, 0, end - begin);
                   return;
                 }
                 for_row_runs(*gate, begin, end,
                              [&](int64_t first, int64_t last, const float* gates, int64_t ldg) {
                                NormArgs part = norm_args;
                                part.x += (first - begin) * stride;
                                part.out += (first - begin) * d;
                                part.gate = gates;
                                part.ldg = ldg;
                                function(part, 0, last - first);
                              });
               });
}

void rms_norm(const KernelArgs& args) { norm(args, norm_kernels(current_isa()).rms_norm); }
void layer_norm(const KernelArgs& args) { norm(args, norm_kernels(current_isa()).layer_norm); }

void l2_norm(const KernelArgs& args) {
  const auto& attributes = args.attributes<NormAttributes>();
  const Operand& x = args.in[0];
  const Operand& out = args.out[0];
  const int64_t d = x.shape(-1);
  const Share::Range range = args.share.of(out.size() / d);
  for_row_runs(x, range.begin, range.end,
               [&](int64_t begin, int64_t end, const float* rows, int64_t stride) {
                 const L2NormArgs norm_args{
                     rows,           stride,          out.as<float>() + begin * d, d, d,
                     attributes.eps, attributes.scale};
                 norm_kernels(current_isa()).l2_norm(norm_args, 0, end - begin);
               });
}

constexpr NamedKernel table[] = {
    {"rms_norm", {.run = rms_norm}},
    {"layer_norm", {.run = layer_norm}},
    {"l2_norm", {.run = l2_norm}},
};

}  // namespace

KernelTable norm_op_kernels() { return table; }

}  // namespace tarn::cpu
