// Shapes and strides: short lists of extents, kept inline.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <string>

namespace tarn {

inline constexpr int max_rank = 8;

// At most max_rank 64-bit numbers; more are an error.
class Dims {
 public:
  Dims() = default;
  Dims(std::initializer_list<int64_t> values);
  Dims(int rank, int64_t value);

  int rank() const { return rank_; }
  bool empty() const { return rank_ == 0; }
  int64_t operator[](int i) const { return values_[static_cast<size_t>(i)]; }
  int64_t& operator[](int i) { return values_[static_cast<size_t>(i)]; }
  int64_t back() const { return values_[static_cast<size_t>(rank_ - 1)]; }
  int64_t& back() { return values_[static_cast<size_t>(rank_ - 1)]; }
  const int64_t* begin() const { return values_.data(); }
  const int64_t* end() const { return values_.data() + rank_; }
  void push_back(int64_t value);
  void insert(int at, int64_t value);
  void erase(int at);
  bool operator==(const Dims& other) const;

 private:
  std::array<int64_t, max_rank> values_{};
  int rank_ = 0;
};

using Shape = Dims;
using Strides = Dims;  // in elements

std::string to_string(const Dims& dims);  // "(2, 3)"

// Number of elements. Error when it overflows or an extent is negative.
int64_t element_count(const Shape& shape);
// Strides of a row-major array.
Strides contiguous_strides(const Shape& shape);
bool is_contiguous(const Shape& shape, const Strides& strides);

// The common shape of two operands, by NumPy's rule. `op` opens the error message.
Shape broadcast_shapes(const Shape& a, const Shape& b, const char* op);
// An axis in [-rank, rank) as one in [0, rank).
int normalize_axis(int axis, int rank, const char* op);

}  // namespace tarn
