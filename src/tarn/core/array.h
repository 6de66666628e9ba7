// `array`: an n-dimensional array, evaluated when its values are asked for. A cheap value (one
// shared pointer); arrays are immutable, operations return new ones. Views (reshape, slice,
// transpose, broadcast) share the bytes of what they look at.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <type_traits>
#include <vector>

#include "tarn/core/dtype.h"
#include "tarn/core/shape.h"

namespace tarn {

namespace memory {
class Buffer;
}
struct Node;

class array {
 public:
  // Scalars: float32, int32 and bool.
  array(float value);  // NOLINT: implicit on purpose, as in a + 1.0F
  array(int value);    // NOLINT
  array(bool value);   // NOLINT
  // A copy of `values` in row-major order. Error when the count does not match the shape.
  template <typename T>
  array(std::span<const T> values, const Shape& shape)
      : array(values.data(), values.size(), shape, dtype_of<T>()) {}
  template <typename T>
  array(const std::vector<T>& values, const Shape& shape)
      : array(values.data(), values.size(), shape, dtype_of<T>()) {}
  template <typename T>
  array(std::initializer_list<T> values, const Shape& shape)
      : array(values.begin(), values.size(), shape, dtype_of<T>()) {}
  // Evaluated data in a buffer, row-major from its start. Error when the buffer is too small.
  array(std::shared_ptr<memory::Buffer> buffer, const Shape& shape, Dtype dtype);
  explicit array(std::shared_ptr<Node> node) : node_(std::move(node)) {}

  Dtype dtype() const;
  const Shape& shape() const;
  int64_t shape(int axis) const;  // negative axes count from the end
  int ndim() const;
  int64_t size() const;   // elements
  size_t nbytes() const;  // size() * size_of(dtype())
  const Strides& strides() const;
  bool contiguous() const;  // row-major without gaps

  bool evaluated() const;  // values are there now, or will be without further eval
  // Waits for the values (evaluating first where needed) and throws what went wrong.
  void wait() const;

  // The value of an array of one element.
  template <typename T>
  T item() const {
    T value;
    copy_item(&value, dtype_of<T>());
    return value;
  }
  // Values in row-major order, converted to T if the dtype differs.
  template <typename T>
  std::vector<T> to_vector() const {
    // vector<bool> has no storage to copy into.
    static_assert(!std::is_same_v<T, bool>, "use to_vector<uint8_t>() for booleans");
    std::vector<T> values(static_cast<size_t>(size()));
    copy_values(values.data(), dtype_of<T>());
    return values;
  }
  // The first element in memory of an evaluated, contiguous array of that type; an error otherwise.
  template <typename T>
  const T* data() const {
    return static_cast<const T*>(raw_data(dtype_of<T>()));
  }

  const std::shared_ptr<Node>& node() const { return node_; }

 private:
  array(const void* values, size_t count, const Shape& shape, Dtype dtype);
  void copy_item(void* value, Dtype dtype) const;
  void copy_values(void* values, Dtype dtype) const;
  const void* raw_data(Dtype dtype) const;

  std::shared_ptr<Node> node_;
};

// Computes the arrays and everything they need, and returns when it is done. Safe to call from
// several threads. The first error of the work is thrown.
void eval(const std::vector<array>& arrays);
// Starts the same work and returns; array::wait or a later eval waits for it and reports its
// errors.
void async_eval(const std::vector<array>& arrays);

}  // namespace tarn
