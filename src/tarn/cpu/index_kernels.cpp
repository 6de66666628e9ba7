#include <algorithm>
#include <cstring>
#include <limits>
#include <type_traits>

#include "tarn/base/error.h"
#include "tarn/cpu/kernels.h"
#include "tarn/cpu/maps.h"
#include "tarn/ops/index_attributes.h"

namespace tarn::cpu {
namespace {

int64_t read_integer(const Operand& operand, int64_t i) {
  switch (operand.dtype) {
    case Dtype::u8:
      return operand.as<uint8_t>()[i];
    case Dtype::u16:
      return operand.as<uint16_t>()[i];
    case Dtype::u32:
      return operand.as<uint32_t>()[i];
    case Dtype::i8:
      return operand.as<int8_t>()[i];
    case Dtype::i16:
      return operand.as<int16_t>()[i];
    case Dtype::i32:
      return operand.as<int32_t>()[i];
    case Dtype::u64:  // what i64 cannot hold is out of range as its largest value, too
      return static_cast<int64_t>(
          std::min<uint64_t>(operand.as<uint64_t>()[i], std::numeric_limits<int64_t>::max()));
    default:
      return operand.as<int64_t>()[i];
  }
}

// Index i of the operand as a position in [0, extent).
int64_t position(const KernelArgs& args, int64_t i) {
  const auto& attributes = args.attributes<IndexAttributes>();
  const int64_t extent = attributes.view.extent;
  const int64_t index = read_integer(args.in[1], i);
  if (index < -extent || index >= extent) {
    fail(ErrorCode::invalid_argument,
         "[{}] index {} (number {} of the indices) is out of range for axis {} of extent {}",
         args.node.op->name, index, i, attributes.axis, extent);
  }
  return index < 0 ? index + extent : index;
}

// Calls f(Word{}) with an unsigned type of the elements' size.
template <typename F>
void with_word(Dtype dtype, F&& f) {
  switch (size_of(dtype)) {
    case 1:
      return f(uint8_t{});
    case 2:
      return f(uint16_t{});
    case 4:
      return f(uint32_t{});
    default:
      return f(uint64_t{});
  }
}

void take(const KernelArgs& args) {
  const AxisView& view = args.attributes<IndexAttributes>().view;
  const int64_t count = args.in[1].size();
  const Share::Range rows = args.share.of(view.outer * count);
  with_word(args.in[0].dtype, [&](auto zero) {
    using Word = decltype(zero);
    const Word* from = args.in[0].as<Word>();
    Word* to = args.out[0].as<Word>();
    for (int64_t row = rows.begin; row < rows.end; ++row) {
      const int64_t at = row / count * view.extent + position(args, row % count);
      if (view.inner == 1) {
        to[row] = from[at];
      } else {
        std::memcpy(to + row * view.inner, from + at * view.inner,
                    static_cast<size_t>(view.inner) * sizeof(Word));
      }
    }
  });
}

// Only the slices that are read count, not the whole table.
int64_t take_cost(const StepShape& shape) { return shape.out[0].nbytes() * 2; }

void take_along_axis(const KernelArgs& args) {
  const AxisView& view = args.attributes<IndexAttributes>().view;
  const Operand& out = args.out[0];
  if (out.size() == 0) return;
  const int64_t per_outer = out.size() / view.outer;  // indices along the axis times inner
  const Share::Range range = args.share.of(out.size());
  with_word(out.dtype, [&](auto zero) {
    using Word = decltype(zero);
    const Word* from = args.in[0].as<Word>();
    Word* to = out.as<Word>();
    for (int64_t i = range.begin; i < range.end; ++i) {
      const int64_t row = i / per_outer * view.extent + position(args, i);
      to[i] = from[row * view.inner + i % view.inner];
    }
  });
}

template <ScatterMode mode, typename T>
void combine(T* to, const T* from, int64_t n) {
  if constexpr (mode == ScatterMode::assign) {
    std::copy_n(from, n, to);
  } else {
    using Value = typename Compute<T>::type;
    for (int64_t i = 0; i < n; ++i) {
      const Value a = Compute<T>::load(to[i]);
      const Value b = Compute<T>::load(from[i]);
      Value result;
      if constexpr (mode == ScatterMode::maximum) {
        result = a > b || a != a ? a : b;
      } else if constexpr (mode == ScatterMode::minimum) {
        result = a < b || a != a ? a : b;
      } else if constexpr (std::is_integral_v<Value>) {
        const auto x = static_cast<uint64_t>(a);
        const auto y = static_cast<uint64_t>(b);
        result = static_cast<Value>(mode == ScatterMode::add ? x + y : x * y);
      } else {
        result = mode == ScatterMode::add ? a + b : a * b;
      }
      to[i] = Compute<T>::store(result);
    }
  }
}

// Every member walks all indices and writes those of its own part of the axis: the order of the
// writes to one place is the indices' order, whatever the number of members.
template <ScatterMode mode, typename T>
void scatter_typed(const KernelArgs& args) {
  const auto& attributes = args.attributes<IndexAttributes>();
  const AxisView& view = attributes.view;
  const Share::Range own = args.share.of(view.extent);
  const T* base = args.in[0].as<T>();
  const T* updates = args.in[2].as<T>();
  T* out = args.out[0].as<T>();
  if (out != base) {
    for (int64_t o = 0; o < view.outer; ++o) {
      const int64_t first = (o * view.extent + own.begin) * view.inner;
      std::copy_n(base + first, (own.end - own.begin) * view.inner, out + first);
    }
  }
  const int64_t slices = view.outer * view.inner;  // elements of the updates for one index
  if (slices == 0) return;
  const int64_t count = args.in[2].size() / slices;
  // For each element its own index, or one for a whole slice.
  const int64_t run = attributes.each_element ? 1 : view.inner;
  for (int64_t o = 0; o < view.outer; ++o) {
    for (int64_t i = 0; i < count; ++i) {
      for (int64_t n = 0; n < view.inner; n += run) {
        const int64_t update = (o * count + i) * view.inner + n;
        const int64_t at = position(args, attributes.each_element ? update : i);
        if (at < own.begin || at >= own.end) continue;
        combine<mode>(out + (o * view.extent + at) * view.inner + n, updates + update, run);
      }
    }
  }
}

template <ScatterMode mode>
void scatter_mode(const KernelArgs& args) {
  dispatch(args.out[0].dtype, [&](auto zero) { scatter_typed<mode, decltype(zero)>(args); });
}

void scatter(const KernelArgs& args) {
  switch (args.attributes<IndexAttributes>().mode) {
    case ScatterMode::assign:
      return with_word(args.out[0].dtype, [&](auto zero) {
        scatter_typed<ScatterMode::assign, decltype(zero)>(args);
      });
    case ScatterMode::add:
      return scatter_mode<ScatterMode::add>(args);
    case ScatterMode::multiply:
      return scatter_mode<ScatterMode::multiply>(args);
    case ScatterMode::maximum:
      return scatter_mode<ScatterMode::maximum>(args);
    case ScatterMode::minimum:
      return scatter_mode<ScatterMode::minimum>(args);
  }
}

// In place, only the updates move.
int64_t scatter_cost(const StepShape& shape) {
  const bool in_place = shape.out[0].data == shape.in[0].data;
  return shape.in[2].nbytes() * 3 + (in_place ? 0 : shape.out[0].nbytes() * 2);
}

constexpr NamedKernel table[] = {
    {"take", {.run = take, .cost = take_cost}},
    {"take_along_axis", {.run = take_along_axis}},
    {"scatter", {.run = scatter, .cost = scatter_cost}},
    {"put_along_axis", {.run = scatter, .cost = scatter_cost}},
};

}  // namespace

KernelTable index_kernels() { return table; }

}  // namespace tarn::cpu
