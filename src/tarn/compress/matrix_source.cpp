#include "tarn/compress/matrix_source.h"

#include <algorithm>
#include <cstring>

#include "tarn/memory/pool.h"
#include "tarn/ops/elementwise.h"
#include "tarn/ops/reduce.h"

namespace tarn::compress {
namespace {

constexpr int64_t piece_values = int64_t{1} << 22;

Dtype dtype_of_storage(StorageType type) {
  if (type == StorageType::f16) return Dtype::f16;
  return type == StorageType::bf16 ? Dtype::bf16 : Dtype::f32;
}

}  // namespace

array matrix_rows(const TensorInfo& info, int64_t first, int64_t last) {
  const auto row_bytes = info.bytes.size() / static_cast<size_t>(info.shape[0]);
  const auto bytes = info.bytes.subspan(static_cast<size_t>(first) * row_bytes,
                                        static_cast<size_t>(last - first) * row_bytes);
  const Shape shape = {last - first, info.shape[1]};
  const Dtype dtype = dtype_of_storage(info.type);
  if (info.aligned()) return {memory::borrow(bytes.data(), bytes.size(), info.owner), shape, dtype};
  auto buffer = memory::allocate(bytes.size());
  std::memcpy(buffer->data(), bytes.data(), bytes.size());
  return {std::move(buffer), shape, dtype};
}

array whole_matrix(const TensorInfo& info) { return matrix_rows(info, 0, info.shape[0]); }

std::string unusable_weights(const TensorInfo& info) {
  const int64_t step = std::max<int64_t>(1, piece_values / info.shape[1]);
  for (int64_t first = 0; first < info.shape[0]; first += step) {
    const array rows = matrix_rows(info, first, std::min(first + step, info.shape[0]));
    if (!all(isfinite(rows)).item<bool>()) return "holds NaN or infinite weights";
  }
  return {};
}

std::span<const std::byte> bytes_of(const array& a) {
  return dispatch(a.dtype(), [&](auto type) {
    return std::as_bytes(std::span(a.data<decltype(type)>(), static_cast<size_t>(a.size())));
  });
}

}  // namespace tarn::compress
