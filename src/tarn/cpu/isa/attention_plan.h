// How one attention call is cut into tiles, chunks and partial results; shared by every variant.
#pragma once

#include <cstddef>
#include <cstdint>

#include "tarn/cpu/isa/attention.h"
#include "tarn/quant/kv_format.h"

namespace tarn::cpu {

struct AttentionPlan {
  int64_t group;  // query heads of one KV head
  int64_t rows;   // group * q_tokens: rows of one KV head; row = token * group + head in group
  int64_t tiles;  // row tiles of one KV head
  int64_t first_chunk;     // by absolute position
  int64_t chunks;          // that any query sees
  int64_t partial_stride;  // floats of one partial: max, sum, then from 16 on the accumulator [Dv]
};

// Positions [begin, end) of the keys that are there and that the rules let a query see.
struct KeyRange {
  int64_t begin, end;
};

// Values that are converted at a time: they stay in the first cache while every row uses them.
constexpr int64_t value_block_rows = 64;
constexpr int64_t value_block_columns = 64;  // whole groups of kv_format.h

constexpr int64_t partial_accumulator = 16;  // offset in floats, a cache line

AttentionPlan attention_plan(const AttentionArgs& args);
KeyRange visible_keys(const AttentionArgs& args, int64_t token);

}  // namespace tarn::cpu
