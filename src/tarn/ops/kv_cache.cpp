#include "tarn/ops/kv_cache.h"

#include "tarn/base/error.h"
#include "tarn/core/op.h"
#include "tarn/memory/pool.h"
#include "tarn/ops/checks.h"
#include "tarn/ops/creation.h"
#include "tarn/ops/elementwise.h"
#include "tarn/ops/index.h"
#include "tarn/ops/kv_cache_attributes.h"
#include "tarn/ops/shape.h"

namespace tarn {
namespace {

constexpr bool stores_floats(KvType type) { return type == KvType::f32 || type == KvType::bf16; }

Dtype storage_dtype(KvType type) {
  if (type == KvType::f32) return Dtype::f32;
  return type == KvType::bf16 ? Dtype::bf16 : Dtype::u8;
}

[[noreturn]] void needs_kernel(const char* op, KvType type) {
  fail(ErrorCode::unsupported,
       "[{}] this unit has no kernel for caches of {}; use a cache of f32 or bf16", op, name(type));
}

std::vector<array> compose_update(const OpNode& node) {
  const auto& a = node.attributes<KvUpdateAttributes>();
  if (!stores_floats(a.type)) needs_kernel(node.op->name, a.type);
  const array& x = node.inputs[1];
  const array start = node.inputs[2] - array(static_cast<int>(a.offset));
  const array rows = start + arange(0, static_cast<double>(x.shape(2)), 1, Dtype::i32);
  return {scatter(node.inputs[0], rows, x, 2)};
}

std::vector<array> compose_read(const OpNode& node) {
  const KvType type = node.attributes<KvReadAttributes>().type;
  if (!stores_floats(type)) needs_kernel(node.op->name, type);
  return {astype(node.inputs[0], Dtype::f32)};
}

const Op update_op{.name = "kv_update", .compose = compose_update, .reusable_input = 0};
const Op read_op{.name = "kv_read", .compose = compose_read};

int64_t row_extent(KvType type, int64_t dim) {
  return stores_floats(type) ? dim : kv_row_bytes(type, dim);
}

}  // namespace

void check_kv_buffer(const array& buffer, KvType type, int64_t dim, const char* op) {
  require_rank(buffer, 4, op, "buffer");
  if (buffer.dtype() != storage_dtype(type) || buffer.shape(3) != row_extent(type, dim)) {
    fail(ErrorCode::invalid_argument, "[{}] a buffer {} {} does not hold rows of {} {} values", op,
         name(buffer.dtype()), to_string(buffer.shape()), dim, name(type));
  }
}

array make_kv_buffer(KvType type, int64_t batch, int64_t heads, int64_t capacity, int64_t dim) {
  const Shape shape = {batch, heads, capacity, row_extent(type, dim)};
  const Dtype dtype = storage_dtype(type);
  return {memory::allocate(static_cast<size_t>(element_count(shape)) * size_of(dtype)), shape,
          dtype};
}

array kv_update(const array& buffer, const array& x, const array& first, KvType type,
                int64_t offset) {
  require_float(x, update_op.name, "x");
  require_rank(x, 4, update_op.name, "x");
  check_kv_buffer(buffer, type, x.shape(3), update_op.name);
  if (first.size() != 1 || first.dtype() != Dtype::i32) {
    fail(ErrorCode::invalid_argument, "[kv_update] first must be one int32, got {} {}",
         name(first.dtype()), to_string(first.shape()));
  }
  const Shape shape = {buffer.shape(0), buffer.shape(1), x.shape(2), x.shape(3)};
  require_shape(x, shape, update_op.name, "x");
  if (x.shape(2) > buffer.shape(2)) {
    fail(ErrorCode::invalid_argument, "[kv_update] {} tokens do not fit a buffer of {}", x.shape(2),
         buffer.shape(2));
  }
  return make_array(update_op, {contiguous(buffer), as_rows(x), first}, buffer.shape(),
                    buffer.dtype(), KvUpdateAttributes{type, offset});
}

array kv_read(const array& buffer, KvType type, int64_t dim) {
  check_kv_buffer(buffer, type, dim, read_op.name);
  const array rows = buffer.strides()[3] == 1 ? buffer : contiguous(buffer);
  Shape shape = buffer.shape();
  shape[3] = dim;
  return make_array(read_op, {rows}, shape, Dtype::f32, KvReadAttributes{type});
}

}  // namespace tarn
