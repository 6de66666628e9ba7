#include "tarn/models/gguf/rotary_order.h"

namespace tarn::gguf {
namespace {

template <typename F>
std::shared_ptr<const RowOrder> order_of(int64_t rows, int64_t heads, F&& place) {
  auto order = std::make_shared<RowOrder>(static_cast<size_t>(rows));
  const int64_t dim = rows / heads;
  for (int64_t row = 0; row < rows; ++row) {
    const int64_t head = row / dim;
    (*order)[static_cast<size_t>(row)] = static_cast<uint32_t>(head * dim + place(row % dim, dim));
  }
  return order;
}

}  // namespace

std::shared_ptr<const RowOrder> halves_from_neighbours(int64_t rows, int64_t heads) {
  return order_of(rows, heads, [](int64_t i, int64_t dim) {
    return i < dim / 2 ? 2 * i : 2 * (i - dim / 2) + 1;
  });
}

std::shared_ptr<const RowOrder> neighbours_from_halves(int64_t rows, int64_t heads) {
  return order_of(rows, heads,
                  [](int64_t i, int64_t dim) { return i / 2 + (i % 2 == 0 ? 0 : dim / 2); });
}

}  // namespace tarn::gguf
