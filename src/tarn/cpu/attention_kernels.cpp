#include <algorithm>

#include "tarn/base/error.h"
#include "tarn/cpu/isa/attention.h"
#include "tarn/cpu/kernels.h"
#include "tarn/cpu/rows.h"
#include "tarn/ops/attention_attributes.h"

namespace tarn::cpu {
namespace {

constexpr size_t alignment = 64;

size_t aligned(size_t bytes) { return (bytes + alignment - 1) / alignment * alignment; }

KvStorage storage_of(Dtype dtype, KvType type) {
  if (dtype == Dtype::u8) return type == KvType::int8 ? KvStorage::int8 : KvStorage::int4;
  if (dtype == Dtype::f16) return KvStorage::f16;
  return dtype == Dtype::bf16 ? KvStorage::bf16 : KvStorage::f32;
}

// The b-th sequence of the step, with `keys` of its rows.
AttentionArgs sequence(const OpNode& node, std::span<const Operand> in, const Operand& out,
                       int64_t keys, int64_t b) {
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
  args.kv_type = storage_of(k.dtype, a.kv_type);
  args.out = reinterpret_cast<float*>(at(out));
  args.out_head_stride = out.stride(2);  // stored as [B, Tq, Hq, Dv]
  args.out_token_stride = out.stride(1);
  args.q_heads = q.shape(1);
  args.kv_heads = k.shape(1);
  args.q_tokens = q.shape(2);
  args.k_tokens = keys;
  args.qk_dim = q.shape(3);
  args.v_dim = out.shape(3);
  args.scale = a.scale;
  args.soft_cap = a.soft_cap;
  args.k_offset = a.key_offset;
  args.q_offset = a.key_offset + keys - q.shape(2);
  args.causal = a.causal;
  args.window = a.window;
  size_t next = a.has_position ? 4 : 3;
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

// Keys there are when the step runs: those up to the last query's position.
int64_t keys_present(const KernelArgs& args) {
  const auto& a = args.attributes<AttentionAttributes>();
  const int64_t capacity = args.in[1].shape(2);
  if (!a.has_position) return capacity;
  const int64_t queries = args.in[0].shape(2);
  const int64_t position = *args.in[3].as<int32_t>();
  const int64_t keys = position - a.key_offset + queries;
  if (keys < queries || keys > capacity) {
    fail(ErrorCode::invalid_argument,
         "[scaled_dot_product_attention] {} queries at position {} do not fit keys at positions {} "
         "to {}; write the keys before reading them",
         queries, position, a.key_offset, a.key_offset + capacity - 1);
  }
  return keys;
}

// A member's working set and, where the keys are shared out in chunks, room for the partials of one
// sequence. Both follow from the capacity of k: they hold for every number of keys present, so that
// a step can run again later in a longer sequence.
struct Layout {
  size_t member;
  size_t partials;  // 0: not shared out
};

// Partials larger than this would cost more than sharing out the keys gains.
constexpr size_t most_partial_bytes = size_t{256} << 20;

// With fewer tiles than members the keys are shared out; the bits are the same either way.
Layout layout(const OpNode& node, std::span<const Operand> in, const Operand& out, int members) {
  const AttentionArgs args = sequence(node, in, out, in[1].shape(2), 0);
  const int64_t batch = in[0].shape(0);
  const int64_t chunks = attention_most_chunks(args);
  Layout result{aligned(attention_scratch_bytes(args)), 0};
  if (members > 1 && chunks > 1 && attention_items(args) * batch < 4 * members) {
    const size_t partials = aligned(attention_partials_bytes(args, chunks));
    if (partials * static_cast<size_t>(batch) <= most_partial_bytes) result.partials = partials;
  }
  return result;
}

size_t attention_scratch(const StepShape& shape) {
  const Layout sizes = layout(shape.node, shape.in, shape.out[0], shape.members);
  return sizes.member * static_cast<size_t>(shape.members) +
         sizes.partials * static_cast<size_t>(shape.in[0].shape(0));
}

// Items of all sequences, numbered one after the other, in claims of up to `most` neighbours.
template <typename F>
void claim_items(const KernelArgs& args, int64_t per_sequence, int64_t most, F&& run) {
  const int64_t total = per_sequence * args.in[0].shape(0);
  while (true) {
    int64_t item = args.state.next.fetch_add(most, std::memory_order_relaxed);
    if (item >= total) break;
    for (const int64_t end = std::min(total, item + most); item < end;) {
      const int64_t first = item % per_sequence;
      const int64_t last = std::min(per_sequence, first + end - item);
      run(item / per_sequence, first, last);
      item += last - first;
    }
  }
}

void attention(const KernelArgs& args) {
  const int64_t keys = keys_present(args);
  const auto at = [&](int64_t b) { return sequence(args.node, args.in, args.out[0], keys, b); };
  const AttentionArgs first = at(0);
  const Layout sizes = layout(args.node, args.in, args.out[0], args.share.count);
  if (attention_items(first) == 0) return;
  const AttentionKernels& kernels = attention_kernels(current_isa());
  // Partials stand behind the working sets of the whole team, as attention_scratch counted them.
  std::byte* scratch = args.scratch + sizes.member * static_cast<size_t>(args.share.member);
  if (sizes.partials == 0) {
    claim_items(args, attention_items(first), 1, [&](int64_t b, int64_t begin, int64_t end) {
      kernels.attention(at(b), begin, end, scratch);
    });
    return;
  }
  std::byte* partials = args.scratch + sizes.member * static_cast<size_t>(args.share.count);
  const auto partials_of = [&](int64_t b) {
    return partials + sizes.partials * static_cast<size_t>(b);
  };
  // A run of chunks lets a member fetch the next while it works on one.
  const int64_t items = attention_partial_items(first);
  const int64_t run = std::clamp<int64_t>(items * args.in[0].shape(0) / args.share.count / 4, 1, 8);
  claim_items(args, items, run, [&](int64_t b, int64_t begin, int64_t end) {
    kernels.attention_partial(at(b), begin, end, partials_of(b), scratch);
  });
  args.meet();
  const int64_t rows = attention_rows(first);
  const Share::Range range = args.share.of(rows * args.in[0].shape(0));
  for (int64_t row = range.begin; row < range.end;) {
    const int64_t b = row / rows;
    const int64_t stop = std::min(range.end, (b + 1) * rows);
    kernels.attention_combine(at(b), row - b * rows, stop - b * rows, partials_of(b));
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
