#include <cstring>

#include "tarn/base/error.h"
#include "tarn/cpu/kernels.h"
#include "tarn/ops/kv_cache_attributes.h"

namespace tarn::cpu {
namespace {

// Row t of head h of sequence b.
std::byte* row_of(const Operand& x, int64_t b, int64_t h, int64_t t) {
  return x.data + (b * x.stride(0) + h * x.stride(1) + t * x.stride(2)) *
                      static_cast<int64_t>(size_of(x.dtype));
}

// Calls body(b, h, t) for the member's rows of [B, H, T].
template <typename Body>
void for_rows(const Operand& x, const Share& share, Body&& body) {
  const int64_t heads = x.shape(1);
  const int64_t tokens = x.shape(2);
  const Share::Range range = share.of(x.shape(0) * heads * tokens);
  for (int64_t row = range.begin; row < range.end; ++row) {
    body(row / tokens / heads, row / tokens % heads, row % tokens);
  }
}

void kv_update(const KernelArgs& args) {
  const auto& a = args.attributes<KvUpdateAttributes>();
  const Operand& out = args.out[0];
  const Operand& base = args.in[0];
  const Operand& x = args.in[1];
  const int64_t first = *args.in[2].as<int32_t>();
  const int64_t start = first - a.offset;
  const int64_t capacity = out.shape(2);
  if (start < 0 || start + x.shape(2) > capacity) {
    fail(ErrorCode::invalid_argument,
         "[kv_update] {} tokens at position {} do not fit a cache that holds positions {} to {}; "
         "make room before writing",
         x.shape(2), first, a.offset, a.offset + capacity - 1);
  }
  if (out.data != base.data) {
    const Share::Range range = args.share.of(out.nbytes(), 64);
    std::memcpy(out.data + range.begin, base.data + range.begin,
                static_cast<size_t>(range.end - range.begin));
    args.meet();
  }
  for_rows(x, args.share, [&](int64_t b, int64_t h, int64_t t) {
    encode_kv_row(a.type, reinterpret_cast<const float*>(row_of(x, b, h, t)), x.shape(3),
                  row_of(out, b, h, start + t));
  });
}

// In place, only the new rows move.
int64_t kv_update_cost(const StepShape& shape) {
  const bool in_place = shape.out[0].data == shape.in[0].data;
  return shape.in[1].nbytes() * 2 + (in_place ? 0 : shape.out[0].nbytes() * 2);
}

void kv_read(const KernelArgs& args) {
  const KvType type = args.attributes<KvReadAttributes>().type;
  const Operand& out = args.out[0];
  for_rows(out, args.share, [&](int64_t b, int64_t h, int64_t t) {
    decode_kv_row(type, row_of(args.in[0], b, h, t), out.shape(3),
                  reinterpret_cast<float*>(row_of(out, b, h, t)));
  });
}

constexpr NamedKernel table[] = {
    {"kv_update", {.run = kv_update, .cost = kv_update_cost}},
    {"kv_read", {.run = kv_read}},
};

}  // namespace

KernelTable kv_cache_kernels() { return table; }

}  // namespace tarn::cpu
