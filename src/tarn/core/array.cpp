#include "tarn/core/array.h"

#include <cstring>
#include <utility>

#include "tarn/base/error.h"
#include "tarn/core/node.h"

namespace tarn {
namespace {

std::shared_ptr<Node> node_of(std::shared_ptr<memory::Buffer> buffer, const Shape& shape,
                              Dtype dtype) {
  auto storage = std::make_shared<Storage>();
  storage->buffer = std::move(buffer);
  storage->scheduled.store(true, std::memory_order_release);
  auto node = std::make_shared<Node>();
  node->dtype = dtype;
  node->shape = shape;
  node->strides = contiguous_strides(shape);
  node->storage = std::move(storage);
  return node;
}

size_t checked_bytes(const Shape& shape, Dtype dtype) {
  size_t bytes = 0;
  if (__builtin_mul_overflow(static_cast<size_t>(element_count(shape)), size_of(dtype), &bytes)) {
    fail(ErrorCode::invalid_argument, "array {}: more bytes than 64 bits count", to_string(shape));
  }
  return bytes;
}

template <typename T>
std::shared_ptr<Node> scalar(T value, Dtype dtype) {
  auto buffer = memory::allocate(sizeof(T));
  std::memcpy(buffer->data(), &value, sizeof(T));
  return node_of(std::move(buffer), {}, dtype);
}

double as_double(double x) { return x; }
template <typename T>
double as_double(T x) {
  if constexpr (std::is_arithmetic_v<T>) {
    return static_cast<double>(x);
  } else {
    return static_cast<double>(to_float(x));
  }
}

template <typename To, typename From>
To convert(From value) {
  if constexpr (std::is_same_v<To, From>) {
    return value;
  } else if constexpr (std::is_same_v<To, float16> || std::is_same_v<To, bfloat16>) {
    return from_float<To>(static_cast<float>(as_double(value)));
  } else if constexpr (std::is_arithmetic_v<From>) {
    return static_cast<To>(value);
  } else {
    return static_cast<To>(to_float(value));
  }
}

// Walks the elements of `node` in row-major order.
template <typename T>
void gather(const Node& node, const std::byte* base, void* out, Dtype out_dtype) {
  dispatch(out_dtype, [&](auto to) {
    using To = decltype(to);
    To* target = static_cast<To*>(out);
    const T* source = reinterpret_cast<const T*>(base + node.offset);
    const int64_t count = element_count(node.shape);
    Dims index(node.shape.rank(), 0);
    int64_t at = 0;
    for (int64_t i = 0; i < count; ++i) {
      target[i] = convert<To>(source[at]);
      for (int axis = node.shape.rank() - 1; axis >= 0; --axis) {
        at += node.strides[axis];
        if (++index[axis] < node.shape[axis]) break;
        at -= node.strides[axis] * node.shape[axis];
        index[axis] = 0;
      }
    }
  });
}

}  // namespace

array::array(float value) : node_(scalar(value, Dtype::f32)) {}
array::array(int value) : node_(scalar(static_cast<int32_t>(value), Dtype::i32)) {}
array::array(bool value) : node_(scalar(value, Dtype::bool_)) {}

array::array(const void* values, size_t count, const Shape& shape, Dtype dtype) {
  if (static_cast<int64_t>(count) != element_count(shape)) {
    fail(ErrorCode::invalid_argument, "[array] {} values do not fill shape {}", count,
         to_string(shape));
  }
  auto buffer = memory::allocate(checked_bytes(shape, dtype));
  if (count > 0) std::memcpy(buffer->data(), values, count * size_of(dtype));
  node_ = node_of(std::move(buffer), shape, dtype);
}

array::array(std::shared_ptr<memory::Buffer> buffer, const Shape& shape, Dtype dtype) {
  const size_t bytes = checked_bytes(shape, dtype);
  if (buffer->size() < bytes) {
    fail(ErrorCode::invalid_argument, "[array] shape {} of {} needs {} bytes, the buffer has {}",
         to_string(shape), name(dtype), bytes, buffer->size());
  }
  node_ = node_of(std::move(buffer), shape, dtype);
}

Dtype array::dtype() const { return node_->dtype; }
const Shape& array::shape() const { return node_->shape; }
int64_t array::shape(int axis) const { return node_->shape[normalize_axis(axis, ndim(), "shape")]; }
int array::ndim() const { return node_->shape.rank(); }
int64_t array::size() const { return element_count(node_->shape); }
size_t array::nbytes() const { return static_cast<size_t>(size()) * size_of(node_->dtype); }
const Strides& array::strides() const { return node_->strides; }
bool array::contiguous() const { return node_->contiguous; }
bool array::evaluated() const { return node_->storage->scheduled.load(std::memory_order_acquire); }

void array::wait() const {
  if (!evaluated()) eval({*this});
  if (node_->storage->ready) node_->storage->ready->wait(node_->storage->step);
}

void array::copy_values(void* values, Dtype dtype) const {
  wait();
  const std::byte* base = node_->storage->buffer->data();
  dispatch(node_->dtype, [&](auto from) { gather<decltype(from)>(*node_, base, values, dtype); });
}

void array::copy_item(void* value, Dtype dtype) const {
  if (size() != 1) {
    fail(ErrorCode::invalid_argument, "[item] shape {} has {} elements, not one",
         to_string(shape()), size());
  }
  copy_values(value, dtype);
}

const void* array::raw_data(Dtype wanted) const {
  if (wanted != dtype()) {
    fail(ErrorCode::invalid_argument, "[data] the array is {}, not {}", name(dtype()),
         name(wanted));
  }
  if (!contiguous()) {
    fail(ErrorCode::invalid_argument,
         "[data] the array is a strided view; use contiguous() or to_vector()");
  }
  wait();
  return node_->storage->buffer->data() + node_->offset;
}

}  // namespace tarn
