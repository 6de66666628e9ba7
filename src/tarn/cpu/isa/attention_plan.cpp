#include "tarn/cpu/isa/attention_plan.h"

#include <algorithm>

namespace tarn::cpu {
namespace {

constexpr int64_t round_up(int64_t n, int64_t multiple) {
  return (n + multiple - 1) / multiple * multiple;
}

}  // namespace

KeyRange visible_keys(const AttentionArgs& args, int64_t token) {
  const int64_t position = args.q_offset + token;
  KeyRange range{args.k_offset, args.k_offset + args.k_tokens};
  if (args.causal) range.end = std::min(range.end, position + 1);
  if (args.window > 0) range.begin = std::max(range.begin, position - args.window + 1);
  range.end = std::max(range.begin, range.end);
  return range;
}

AttentionPlan attention_plan(const AttentionArgs& args) {
  AttentionPlan plan{};
  plan.group = args.q_heads / args.kv_heads;
  plan.rows = plan.group * args.q_tokens;
  plan.tiles = (plan.rows + attention_row_tile - 1) / attention_row_tile;
  plan.partial_stride = partial_accumulator + round_up(args.v_dim, 16);
  if (args.q_tokens > 0) {
    // The rules move both ends forward with the query: the first begins first, the last ends last.
    const int64_t begin = visible_keys(args, 0).begin;
    const int64_t end = visible_keys(args, args.q_tokens - 1).end;
    plan.first_chunk = begin / attention_chunk;
    if (end > begin) plan.chunks = (end + attention_chunk - 1) / attention_chunk - plan.first_chunk;
  }
  return plan;
}

int64_t attention_items(const AttentionArgs& args) {
  return args.kv_heads * attention_plan(args).tiles;
}

int64_t attention_chunks(const AttentionArgs& args) { return attention_plan(args).chunks; }

int64_t attention_most_chunks(const AttentionArgs& args) {
  if (args.k_tokens == 0 || args.q_tokens == 0) return 0;
  const int64_t first = args.k_offset / attention_chunk;
  const int64_t all = (args.k_offset + args.k_tokens - 1) / attention_chunk - first + 1;
  if (args.window <= 0) return all;
  // The sight of all queries together, wherever it lies against the chunks' borders.
  const int64_t seen = args.q_tokens + args.window - 1;
  return std::min(all, (seen + attention_chunk - 2) / attention_chunk + 1);
}

int64_t attention_partial_items(const AttentionArgs& args) {
  return attention_items(args) * attention_chunks(args);
}

int64_t attention_rows(const AttentionArgs& args) { return args.q_heads * args.q_tokens; }

size_t attention_scratch_bytes(const AttentionArgs& args) {
  // A tile's scaled queries, its logits of one chunk, its chunk accumulators and running
  // accumulators, four converted keys and a block of converted values (attention_simd.h).
  const int64_t queries = attention_row_tile * round_up(args.qk_dim, 16);
  const int64_t logits = attention_row_tile * attention_chunk;
  const int64_t accumulators = 2 * attention_row_tile * round_up(args.v_dim, 16);
  const int64_t keys = 4 * round_up(args.qk_dim, kv_group);
  const int64_t values = value_block_rows * value_block_columns;
  return static_cast<size_t>(queries + logits + accumulators + keys + values) * sizeof(float);
}

size_t attention_partials_bytes(const AttentionArgs& args, int64_t chunks) {
  return static_cast<size_t>(attention_rows(args) * chunks * attention_plan(args).partial_stride) *
         sizeof(float);
}

}  // namespace tarn::cpu
