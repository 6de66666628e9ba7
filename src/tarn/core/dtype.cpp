#include "tarn/core/dtype.h"

#include <algorithm>
#include <array>

namespace tarn {
namespace {

struct Info {
  std::string_view name;
  uint8_t size;
  Category category;
};

constexpr std::array<Info, 13> infos = {{{"bool", 1, Category::boolean},
                                         {"uint8", 1, Category::unsigned_integer},
                                         {"uint16", 2, Category::unsigned_integer},
                                         {"uint32", 4, Category::unsigned_integer},
                                         {"uint64", 8, Category::unsigned_integer},
                                         {"int8", 1, Category::signed_integer},
                                         {"int16", 2, Category::signed_integer},
                                         {"int32", 4, Category::signed_integer},
                                         {"int64", 8, Category::signed_integer},
                                         {"float16", 2, Category::floating},
                                         {"bfloat16", 2, Category::floating},
                                         {"float32", 4, Category::floating},
                                         {"float64", 8, Category::floating}}};

const Info& info(Dtype dtype) { return infos[static_cast<size_t>(dtype)]; }

Dtype signed_of_size(size_t bytes) {
  switch (bytes) {
    case 1:
      return Dtype::i8;
    case 2:
      return Dtype::i16;
    case 4:
      return Dtype::i32;
    default:
      return Dtype::i64;
  }
}

}  // namespace

size_t size_of(Dtype dtype) { return info(dtype).size; }
std::string_view name(Dtype dtype) { return info(dtype).name; }
Category category(Dtype dtype) { return info(dtype).category; }

Dtype promote(Dtype a, Dtype b) {
  if (a == b) return a;
  if (a > b) std::swap(a, b);  // b now has the higher category, or the same and is wider
  if (is_floating(b)) {
    const bool two_halves = a == Dtype::f16 && b == Dtype::bf16;
    return two_halves ? Dtype::f32 : b;
  }
  if (category(a) == category(b) || a == Dtype::bool_) return b;
  // Unsigned with signed: the signed type that holds both, if there is one.
  if (size_of(a) < size_of(b)) return b;
  return a == Dtype::u64 ? Dtype::f32 : signed_of_size(size_of(a) * 2);
}

}  // namespace tarn
