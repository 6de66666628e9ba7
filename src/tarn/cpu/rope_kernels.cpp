#include "tarn/cpu/isa/rope.h"
#include "tarn/cpu/kernels.h"
#include "tarn/ops/rope_attributes.h"

namespace tarn::cpu {
namespace {

constexpr size_t alignment = 64;

size_t aligned(size_t bytes) { return (bytes + alignment - 1) / alignment * alignment; }

// A member's memory: its rotation table and the positions of every token.
size_t member_bytes(const Operand& x, const Operand& inv_freq) {
  return aligned(rope_scratch_bytes(inv_freq.shape(0) * 2)) +
         aligned(static_cast<size_t>(x.shape(0) * x.shape(2)) * sizeof(int32_t));
}

size_t rope_scratch(const StepShape& shape) {
  return member_bytes(shape.in[0], shape.in[1]) * static_cast<size_t>(shape.members);
}

void rope(const KernelArgs& args) {
  const auto& a = args.attributes<RopeAttributes>();
  const Operand& x = args.in[0];
  const Operand& inv_freq = args.in[1];
  const Operand& offset = args.in[2];
  const Operand& out = args.out[0];
  const int64_t tokens = x.shape(2);
  std::byte* scratch =
      args.scratch + member_bytes(x, inv_freq) * static_cast<size_t>(args.share.member);
  auto* positions =
      reinterpret_cast<int32_t*>(scratch + aligned(rope_scratch_bytes(inv_freq.shape(0) * 2)));
  for (int64_t b = 0; b < x.shape(0); ++b) {
    const int32_t start = offset.as<int32_t>()[offset.size() > 1 ? b : 0];
    for (int64_t t = 0; t < tokens; ++t) {
      positions[b * tokens + t] = start + static_cast<int32_t>(t);
    }
  }
  RopeArgs rope_args{};
  rope_args.x = x.as<float>();
  rope_args.x_batch_stride = x.stride(0);
  rope_args.x_head_stride = x.stride(1);
  rope_args.x_token_stride = x.stride(2);
  rope_args.out = out.as<float>();
  rope_args.out_batch_stride = out.stride(0);
  rope_args.out_head_stride = a.token_major ? out.stride(2) : out.stride(1);
  rope_args.out_token_stride = a.token_major ? out.stride(1) : out.stride(2);
  rope_args.batch = x.shape(0);
  rope_args.heads = x.shape(1);
  rope_args.tokens = tokens;
  rope_args.head_dim = x.shape(3);
  rope_args.rotary_dim = inv_freq.shape(0) * 2;
  rope_args.traditional = a.traditional;
  rope_args.attention_scaling = a.scaling;
  rope_args.positions = positions;
  rope_args.position_batch_stride = tokens;
  rope_args.inv_freq = inv_freq.as<float>();
  // Whole tokens a member: the rotation of a position is computed once for its heads.
  const Share::Range range = args.share.of(x.shape(0) * tokens * x.shape(1), x.shape(1));
  rope_kernels(current_isa()).rope(rope_args, range.begin, range.end, scratch);
}

constexpr NamedKernel table[] = {
    {"rope", {.run = rope, .scratch = rope_scratch}},
};

}  // namespace

KernelTable rope_op_kernels() { return table; }

}  // namespace tarn::cpu
