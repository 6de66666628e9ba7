#include "tarn/compress/matrix_source.h"

#include <algorithm>
#include <cstring>

#include "tarn/base/error.h"
#include "tarn/io/quote.h"
#include "tarn/memory/pool.h"
#include "tarn/ops/elementwise.h"
#include "tarn/ops/reduce.h"

namespace tarn::compress {
namespace {

constexpr int64_t piece_values = int64_t{1} << 22;  // 16 MiB as float32

Dtype dtype_of_storage(StorageType type) {
  if (type == StorageType::f16) return Dtype::f16;
  return type == StorageType::bf16 ? Dtype::bf16 : Dtype::f32;
}

}  // namespace

void check_finite(const array& weights, const std::string& name) {
  if (all(isfinite(weights)).item<bool>()) return;
  fail(ErrorCode::corrupt,
       "tensor {}: holds NaN or infinite weights, which no code can stand for: the checkpoint is "
       "broken, download or convert it again; --allow-fallback keeps such layers as they are",
       quote(name));
}

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

std::string unusable_weights(const TensorInfo& info) {
  const int64_t step = std::max<int64_t>(1, piece_values / info.shape[1]);
  for (int64_t first = 0; first < info.shape[0]; first += step) {
    const array rows = matrix_rows(info, first, std::min(first + step, info.shape[0]));
    if (!all(isfinite(rows)).item<bool>()) return "holds NaN or infinite weights";
  }
  return {};
}

array scaled_rows(const TensorInfo& info, int64_t first, int64_t last, const MatrixScales& scales) {
  array rows = astype(matrix_rows(info, first, last), Dtype::f32);
  if (scales.columns != nullptr) rows = rows * array(*scales.columns, {info.shape[1]});
  if (scales.rows != nullptr) {
    const std::vector<float> part(scales.rows->begin() + first, scales.rows->begin() + last);
    rows = rows * array(part, {last - first, 1});
  }
  return rows;
}

void encode_in_pieces(const TensorInfo& info, const std::shared_ptr<const quant::Codec>& codec,
                      const std::optional<array>& importance, const VisitPiece& visit,
                      const MatrixScales& scales) {
  const int64_t rows = info.shape[0];
  const auto whole = static_cast<int64_t>(codec->piece_rows());
  const int64_t fit = std::max<int64_t>(1, piece_values / info.shape[1]);
  const int64_t step = whole == 0 ? rows : (fit + whole - 1) / whole * whole;
  for (int64_t first = 0; first < rows; first += step) {
    const array piece = scaled_rows(info, first, std::min(first + step, rows), scales);
    check_finite(piece, info.name);
    const CodedMatrix matrix = encode(piece, codec, importance);
    eval(matrix.parts);
    visit(piece, matrix);
  }
}

std::span<const std::byte> bytes_of(const array& a) {
  return dispatch(a.dtype(), [&](auto type) {
    return std::as_bytes(std::span(a.data<decltype(type)>(), static_cast<size_t>(a.size())));
  });
}

}  // namespace tarn::compress
