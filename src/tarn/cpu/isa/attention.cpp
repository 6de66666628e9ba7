#include "tarn/cpu/isa/attention.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "tarn/cpu/isa/attention_plan.h"
#include "tarn/cpu/isa/load.h"
#include "tarn/quant/kv_format.h"

namespace tarn::cpu {
namespace {

constexpr float inf = std::numeric_limits<float>::infinity();

// A softmax-weighted sum of values, before the division: acc[Dv] = sum of exp(logit - max) * v.
struct Partial {
  float max = -inf;
  float sum = 0.F;
  float* acc = nullptr;
};

FloatType float_storage(KvStorage type) {
  if (type == KvStorage::f16) return FloatType::f16;
  return type == KvStorage::bf16 ? FloatType::bf16 : FloatType::f32;
}

// Value i of the row of `dim` values that begins at element `row`.
float kv_value(const void* data, KvStorage type, int64_t row, int64_t i, int64_t dim) {
  if (type < KvStorage::int8) return load_float(data, float_storage(type), row + i);
  const auto* bytes = static_cast<const uint8_t*>(data) + row;
  const int64_t group = i / kv_group;
  const int64_t at = i % kv_group;
  const bool eight = type == KvStorage::int8;
  const uint8_t* scales = bytes + kv_groups(dim) * (eight ? kv_group : kv_group / 2);
  const auto half = [&](int64_t n) { return load_float(scales, FloatType::f16, n); };
  if (eight) return half(group) * static_cast<float>(static_cast<int8_t>(bytes[i]));
  const uint8_t pair = bytes[group * (kv_group / 2) + at % (kv_group / 2)];
  const int code = at < kv_group / 2 ? pair & 15 : pair >> 4;
  return std::fma(half(group * 2), static_cast<float>(code), half(group * 2 + 1));
}

float logit(const AttentionArgs& args, int64_t head, int64_t token, int64_t key) {
  const int64_t kv_head = head / (args.q_heads / args.kv_heads);
  const float* q = args.q + head * args.q_head_stride + token * args.q_token_stride;
  const int64_t k = kv_head * args.k_head_stride + key * args.k_token_stride;
  float dot = 0.F;
  for (int64_t i = 0; i < args.qk_dim; ++i)
    dot += q[i] * args.scale * kv_value(args.k, args.kv_type, k, i, args.qk_dim);
  if (args.soft_cap > 0.F) dot = args.soft_cap * std::tanh(dot / args.soft_cap);
  const int64_t mask =
      head * args.mask_head_stride + token * args.mask_query_stride + key * args.mask_key_stride;
  if (args.additive_mask != nullptr) dot += args.additive_mask[mask];
  if (args.boolean_mask != nullptr && args.boolean_mask[mask] == 0) dot = -inf;
  return dot;
}

// The partial of the keys of one chunk (by absolute position).
void chunk_partial(const AttentionArgs& args, int64_t head, int64_t token, int64_t chunk,
                   Partial& out) {
  const KeyRange seen = visible_keys(args, token);
  const int64_t begin = std::max(seen.begin, chunk * attention_chunk);
  const int64_t end = std::min(seen.end, (chunk + 1) * attention_chunk);
  const int64_t kv_head = head / (args.q_heads / args.kv_heads);
  float weights[attention_chunk];
  out.max = -inf;
  out.sum = 0.F;
  std::fill_n(out.acc, args.v_dim, 0.F);
  for (int64_t p = begin; p < end; ++p) {
    weights[p - begin] = logit(args, head, token, p - args.k_offset);
    out.max = std::fmax(out.max, weights[p - begin]);
  }
  if (out.max == -inf) return;
  for (int64_t p = begin; p < end; ++p) {
    const float weight = std::exp(weights[p - begin] - out.max);
    out.sum += weight;
    const int64_t v = kv_head * args.v_head_stride + (p - args.k_offset) * args.v_token_stride;
    for (int64_t i = 0; i < args.v_dim; ++i)
      out.acc[i] += weight * kv_value(args.v, args.kv_type, v, i, args.v_dim);
  }
}

void combine(Partial& total, const Partial& part, int64_t v_dim) {
  if (part.max == -inf) return;
  const float max = std::fmax(total.max, part.max);
  const float keep = std::exp(total.max - max);
  const float take = std::exp(part.max - max);
  total.max = max;
  total.sum = total.sum * keep + part.sum * take;
  for (int64_t i = 0; i < v_dim; ++i) total.acc[i] = total.acc[i] * keep + part.acc[i] * take;
}

void finish(const AttentionArgs& args, int64_t head, int64_t token, Partial& total) {
  float weight = 1.F;
  float sum = total.sum;
  if (args.sinks != nullptr) {
    const float max = std::fmax(total.max, args.sinks[head]);
    weight = std::exp(total.max - max);
    sum = sum * weight + std::exp(args.sinks[head] - max);
  }
  float* out = args.out + head * args.out_head_stride + token * args.out_token_stride;
  const float factor = total.sum == 0.F ? 0.F : weight / sum;
  for (int64_t i = 0; i < args.v_dim; ++i) out[i] = total.acc[i] * factor;
}

template <typename F>
void for_rows(const AttentionPlan& plan, int64_t tile_item, F f) {
  const int64_t kv_head = tile_item / plan.tiles;
  const int64_t begin = tile_item % plan.tiles * attention_row_tile;
  const int64_t end = std::min(plan.rows, begin + attention_row_tile);
  for (int64_t row = begin; row < end; ++row)
    f(kv_head * plan.group + row % plan.group, row / plan.group);
}

void attention(const AttentionArgs& args, int64_t item0, int64_t item1, void* scratch) {
  const AttentionPlan plan = attention_plan(args);
  auto* const accumulators = static_cast<float*>(scratch);
  for (int64_t item = item0; item < item1; ++item) {
    for_rows(plan, item, [&](int64_t head, int64_t token) {
      Partial total{.acc = accumulators};
      Partial part{.acc = accumulators + args.v_dim};
      std::fill_n(total.acc, args.v_dim, 0.F);
      for (int64_t c = 0; c < plan.chunks; ++c) {
        chunk_partial(args, head, token, plan.first_chunk + c, part);
        combine(total, part, args.v_dim);
      }
      finish(args, head, token, total);
    });
  }
}

float* partial_of(const AttentionArgs& args, const AttentionPlan& plan, void* partials,
                  int64_t head, int64_t token, int64_t chunk) {
  const int64_t row = head * args.q_tokens + token;
  return static_cast<float*>(partials) + (row * plan.chunks + chunk) * plan.partial_stride;
}

void attention_partial(const AttentionArgs& args, int64_t item0, int64_t item1, void* partials,
                       void* /*scratch*/) {
  const AttentionPlan plan = attention_plan(args);
  for (int64_t item = item0; item < item1; ++item) {
    const int64_t c = item % plan.chunks;
    for_rows(plan, item / plan.chunks, [&](int64_t head, int64_t token) {
      float* record = partial_of(args, plan, partials, head, token, c);
      Partial part{.acc = record + partial_accumulator};
      chunk_partial(args, head, token, plan.first_chunk + c, part);
      record[0] = part.max;
      record[1] = part.sum;
    });
  }
}

void attention_combine(const AttentionArgs& args, int64_t row0, int64_t row1,
                       const void* partials) {
  const AttentionPlan plan = attention_plan(args);
  for (int64_t row = row0; row < row1; ++row) {
    const auto* records =
        static_cast<const float*>(partials) + row * plan.chunks * plan.partial_stride;
    const int64_t head = row / args.q_tokens;
    const int64_t token = row % args.q_tokens;
    // The output row holds the running accumulator.
    Partial total{.acc = args.out + head * args.out_head_stride + token * args.out_token_stride};
    std::fill_n(total.acc, args.v_dim, 0.F);
    for (int64_t c = 0; c < plan.chunks; ++c) {
      const float* record = records + c * plan.partial_stride;
      const Partial part{record[0], record[1], const_cast<float*>(record) + partial_accumulator};
      combine(total, part, args.v_dim);
    }
    finish(args, head, token, total);
  }
}

}  // namespace

const AttentionKernels detail::attention_portable = {.attention = attention,
                                                     .attention_partial = attention_partial,
                                                     .attention_combine = attention_combine};

#if defined(__x86_64__)
const AttentionKernels& attention_kernels(Isa isa) {
  if (isa >= Isa::avx512bf16) return detail::attention_avx512bf16;
  if (isa >= Isa::avx512) return detail::attention_avx512;
  if (isa >= Isa::avx2) return detail::attention_avx2;
  return detail::attention_portable;
}
#else
TARN_DEFINE_KERNEL_TABLES(AttentionKernels, attention)
#endif

}  // namespace tarn::cpu
