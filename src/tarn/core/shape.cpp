#include "tarn/core/shape.h"

#include <algorithm>

#include "tarn/base/error.h"

namespace tarn {

Dims::Dims(std::initializer_list<int64_t> values) {
  for (const int64_t value : values) push_back(value);
}

Dims::Dims(int rank, int64_t value) {
  for (int i = 0; i < rank; ++i) push_back(value);
}

void Dims::push_back(int64_t value) { insert(rank_, value); }

void Dims::insert(int at, int64_t value) {
  if (rank_ == max_rank)
    fail(ErrorCode::invalid_argument, "shape: more than {} dimensions; merge some", max_rank);
  std::copy_backward(values_.begin() + at, values_.begin() + rank_, values_.begin() + rank_ + 1);
  values_[static_cast<size_t>(at)] = value;
  ++rank_;
}

void Dims::erase(int at) {
  std::copy(values_.begin() + at + 1, values_.begin() + rank_, values_.begin() + at);
  --rank_;
}

bool Dims::operator==(const Dims& other) const {
  return rank_ == other.rank_ && std::equal(begin(), end(), other.begin());
}

std::string to_string(const Dims& dims) {
  std::string text = "(";
  for (int i = 0; i < dims.rank(); ++i) {
    if (i > 0) text += ", ";
    text += std::to_string(dims[i]);
  }
  return text + ")";
}

int64_t element_count(const Shape& shape) {
  int64_t count = 1;
  for (const int64_t extent : shape) {
    if (extent < 0)
      fail(ErrorCode::invalid_argument, "shape {}: negative extent", to_string(shape));
    if (__builtin_mul_overflow(count, extent, &count)) {
      fail(ErrorCode::invalid_argument, "shape {}: more elements than 64 bits count",
           to_string(shape));
    }
  }
  return count;
}

Strides contiguous_strides(const Shape& shape) {
  Strides strides(shape.rank(), 1);
  for (int i = shape.rank() - 2; i >= 0; --i)
    strides[i] = strides[i + 1] * std::max<int64_t>(shape[i + 1], 1);
  return strides;
}

bool is_contiguous(const Shape& shape, const Strides& strides) {
  int64_t expected = 1;
  for (int i = shape.rank() - 1; i >= 0; --i) {
    if (shape[i] == 0) return true;
    if (shape[i] != 1 && strides[i] != expected) return false;
    expected *= shape[i];
  }
  return true;
}

Shape broadcast_shapes(const Shape& a, const Shape& b, const char* op) {
  const Shape& longer = a.rank() >= b.rank() ? a : b;
  const Shape& shorter = a.rank() >= b.rank() ? b : a;
  Shape result = longer;
  const int shift = longer.rank() - shorter.rank();
  for (int i = 0; i < shorter.rank(); ++i) {
    int64_t& extent = result[i + shift];
    if (extent == shorter[i] || shorter[i] == 1) continue;
    if (extent != 1) {
      fail(ErrorCode::invalid_argument,
           "[{}] shapes {} and {} do not broadcast: extents {} and {} differ and neither is 1; "
           "reshape one of them",
           op, to_string(a), to_string(b), extent, shorter[i]);
    }
    extent = shorter[i];
  }
  return result;
}

int normalize_axis(int axis, int rank, const char* op) {
  if (axis < -rank || axis >= rank) {
    fail(ErrorCode::invalid_argument, "[{}] axis {} is out of range for an array of {} dimensions",
         op, axis, rank);
  }
  return axis < 0 ? axis + rank : axis;
}

}  // namespace tarn
