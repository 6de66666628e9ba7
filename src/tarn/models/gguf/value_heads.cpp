#include "tarn/models/gguf/value_heads.h"

#include <numeric>

namespace tarn::gguf {
namespace {

// Heads of `each` rows behind `start` rows that stay.
std::vector<uint32_t> order_of(const LinearAttentionConfig& dims, int64_t start, int64_t each,
                               int64_t count, bool to_grouped) {
  const int64_t keys = dims.num_key_heads;
  const int64_t times = dims.num_value_heads / keys;
  if (times == 1 || count != start + dims.num_value_heads * each) return {};
  std::vector<uint32_t> order(static_cast<size_t>(count));
  std::iota(order.begin(), order.end(), 0U);
  for (int64_t key = 0; key < keys; ++key) {
    for (int64_t i = 0; i < times; ++i) {
      const int64_t grouped = key * times + i;
      const int64_t tiled = i * keys + key;
      const int64_t to = to_grouped ? grouped : tiled;
      const int64_t from = to_grouped ? tiled : grouped;
      for (int64_t k = 0; k < each; ++k) {
        order[static_cast<size_t>(start + to * each + k)] =
            static_cast<uint32_t>(start + from * each + k);
      }
    }
  }
  return order;
}

}  // namespace

std::vector<uint32_t> value_head_rows(const LinearAttentionConfig& dims, std::string_view name,
                                      int64_t rows, bool to_grouped) {
  const int64_t keys = 2 * dims.num_key_heads * dims.key_head_dim;
  if (name.ends_with("in_proj_qkv.weight") || name.ends_with("conv1d.weight")) {
    return order_of(dims, keys, dims.value_head_dim, rows, to_grouped);
  }
  if (name.ends_with("in_proj_z.weight")) {
    return order_of(dims, 0, dims.value_head_dim, rows, to_grouped);
  }
  const bool by_head = name.ends_with("in_proj_a.weight") || name.ends_with("in_proj_b.weight") ||
                       name.ends_with(".A_log") || name.ends_with(".dt_bias");
  return by_head ? order_of(dims, 0, 1, rows, to_grouped) : std::vector<uint32_t>{};
}

std::vector<uint32_t> value_head_columns(const LinearAttentionConfig& dims, std::string_view name,
                                         int64_t columns, bool to_grouped) {
  if (!name.ends_with("linear_attn.out_proj.weight")) return {};
  return order_of(dims, 0, dims.value_head_dim, columns, to_grouped);
}

}  // namespace tarn::gguf
