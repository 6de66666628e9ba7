#include <algorithm>

#include "tarn/cpu/isa/attention.h"
#include "tarn/cpu/kernels.h"
#include "tarn/cpu/rows.h"
#include "tarn/ops/attention_attributes.h"

namespace tarn::cpu {
namespace {

constexpr size_t alignment = 64;

size_t aligned(size_t bytes) { return (bytes + alignment - 1) / alignment * alignment; }

// The b-th sequence of the step.
AttentionArgs sequence(const OpNode& node, std::span<const Operand> in, const Operand& out,
                       int64_t b) {
  const auto& a = node.attributes<AttentionAttributes>();
  const auto at = [&](const Operand& x) {
    return x.data + b * x.stride(0) * static_cast<int64_t>(size_of(x.dtype));
  };
  const Operand& q = in[0];
  const Operand& k = in[1];
  const Operand& v = in[2];
  AttentionArgs args{};
  args.q = reinterpret_cast<const float*>(at(q));
  args.q_head_stride = q.stride(1);
  args.q_token_stride = q.stride(2);
  args.k = at(k);
  args.k_head_stride = k.stride(1);
  args.k_token_stride = k.stride(2);
  args.v = at(v);
  args.v_head_stride = v.stride(1);
  args.v_token_stride = v.stride(2);
  args.kv_type = float_type(k.dtype);
  args.out = reinterpret_cast<float*>(at(out));
  args.out_head_stride = out.stride(2);  // stored as [B, Tq, Hq, Dv]
  args.out_token_stride = out.stride(1);
  args.q_heads = q.shape(1);
  args.kv_heads = k.shape(1);
  args.q_tokens = q.shape(2);
  args.k_tokens = k.shape(2);
  args.qk_dim = q.shape(3);
  args.v_dim = v.shape(3);
  args.scale = a.scale;
  args.soft_cap = a.soft_cap;
  args.k_offset = a.key_offset;
  args.q_offset = a.key_offset + k.shape(2) - q.shape(2);
  args.causal = a.causal;
  args.window = a.window;
  size_t next = 3;
  if (a.has_mask) {
    const Operand& mask = in[next++];
    if (mask.dtype == Dtype::bool_) {
      args.boolean_mask = reinterpret_cast<const uint8_t*>(at(mask));
    } else {
      args.additive_mask = reinterpret_cast<const float*>(at(mask));
    }
    args.mask_head_stride = mask.stride(1);
    args.mask_query_stride = mask.stride(2);
    args.mask_key_stride = mask.stride(3);
  }
  if (a.has_sinks) args.sinks = in[next].as<float>();
  return args;
}

// With fewer tiles than members the keys are shared out in chunks; the bits are the same either
// way.
bool splits_keys(const AttentionArgs& args, int64_t batch, int members) {
  return members > 1 && attention_items(args) * batch < 4 * members && attention_chunks(args) > 1;
}

struct Layout {
  size_t member;    // a member's working set
  size_t partials;  // of one sequence
};

Layout layout(const AttentionArgs& args) {
  return {aligned(attention_scratch_bytes(args)), aligned(attention_partials_bytes(args))};
}

size_t attention_scratch(const StepShape& shape) {
  const AttentionArgs args = sequence(shape.node, shape.in, shape.out[0], 0);
  const Layout sizes = layout(args);
  const int64_t batch = shape.in[0].shape(0);
  const bool split = splits_keys(args, batch, shape.members);
  return sizes.member * static_cast<size_t>(shape.members) +
         (split ? sizes.partials * static_cast<size_t>(batch) : 0);
}

// Items of all sequences, numbered one after the other, in claims.
template <typename F>
void claim_items(const KernelArgs& args, int64_t per_sequence, F&& run) {
  const int64_t total = per_sequence * args.in[0].shape(0);
  while (true) {
    const int64_t item = args.state.next.fetch_add(1, std::memory_order_relaxed);
    if (item >= total) break;
    run(item / per_sequence, item % per_sequence);
  }
}

void attention(const KernelArgs& args) {
  const AttentionArgs first = sequence(args.node, args.in, args.out[0], 0);
  const Layout sizes = layout(first);
  const int64_t batch = args.in[0].shape(0);
  if (attention_items(first) == 0) return;
  const AttentionKernels& kernels = attention_kernels(current_isa());
  // Partials stand behind the working sets of the whole team, as attention_scratch counted them.
  std::byte* scratch = args.scratch + sizes.member * static_cast<size_t>(args.share.member);
  if (!splits_keys(first, batch, args.share.count)) {
    claim_items(args, attention_items(first), [&](int64_t b, int64_t item) {
      kernels.attention(sequence(args.node, args.in, args.out[0], b), item, item + 1, scratch);
    });
    return;
  }
  std::byte* partials = args.scratch + sizes.member * static_cast<size_t>(args.share.count);
  const auto partials_of = [&](int64_t b) {
    return partials + sizes.partials * static_cast<size_t>(b);
  };
  claim_items(args, attention_partial_items(first), [&](int64_t b, int64_t item) {
    kernels.attention_partial(sequence(args.node, args.in, args.out[0], b), item, item + 1,
                              partials_of(b), scratch);
  });
  args.meet();
  const int64_t rows = attention_rows(first);
  const Share::Range range = args.share.of(rows * batch);
  for (int64_t row = range.begin; row < range.end;) {
    const int64_t b = row / rows;
    const int64_t stop = std::min(range.end, (b + 1) * rows);
    kernels.attention_combine(sequence(args.node, args.in, args.out[0], b), row - b * rows,
                              stop - b * rows, partials_of(b));
    row = stop;
  }
}

// Multiply-adds of both products, at about four a byte moved.
int64_t attention_cost(const StepShape& shape) {
  const Operand& q = shape.in[0];
  return q.size() * shape.in[1].shape(2) / 2;
}

constexpr NamedKernel table[] = {
    {"scaled_dot_product_attention",
     {.run = attention, .scratch = attention_scratch, .cost = attention_cost}},
};

}  // namespace

KernelTable attention_op_kernels() { return table; }

}  // namespace tarn::cpu
