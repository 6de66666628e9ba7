#include <algorithm>

#include "tarn/cpu/kernels.h"
#include "tarn/cpu/reducers.h"
#include "tarn/ops/scan_attributes.h"

namespace tarn::cpu {
namespace {

constexpr int64_t column_tile = 64;

template <typename T, typename Accumulator>
T stored(Accumulator value) {
  return Compute<T>::store(static_cast<typename Compute<T>::type>(value));
}

// One chain for each column of each outer slice, a tile of columns at a time.
template <typename Reducer, typename T>
void scan_typed(const KernelArgs& args) {
  using Accumulator = typename Reducer::Accumulator;
  const auto& [view, reverse, inclusive] = args.attributes<ScanAttributes>();
  const int64_t tiles = (view.inner + column_tile - 1) / column_tile;
  const Share::Range units = args.share.of(view.outer * tiles);
  for (int64_t unit = units.begin; unit < units.end; ++unit) {
    const int64_t first = unit % tiles * column_tile;
    const int64_t columns = std::min(column_tile, view.inner - first);
    const int64_t base = unit / tiles * view.extent * view.inner + first;
    Accumulator running[column_tile];
    std::fill_n(running, columns, Reducer::start());
    for (int64_t i = 0; i < view.extent; ++i) {
      const int64_t row = base + (reverse ? view.extent - 1 - i : i) * view.inner;
      const T* in = args.in[0].as<T>() + row;
      T* out = args.out[0].as<T>() + row;
      for (int64_t c = 0; c < columns; ++c) {
        const auto value = static_cast<Accumulator>(Compute<T>::load(in[c]));
        const Accumulator next = Reducer::combine(running[c], value);
        out[c] = stored<T>(inclusive ? next : running[c]);
        running[c] = next;
      }
    }
  }
}

template <template <typename> typename Reducer>
void scan(const KernelArgs& args) {
  dispatch(args.in[0].dtype, [&](auto zero) {
    using T = decltype(zero);
    scan_typed<Reducer<T>, T>(args);
  });
}

constexpr NamedKernel table[] = {
    {"cumsum", {.run = scan<Sum>}},
    {"cumprod", {.run = scan<Prod>}},
    {"cummax", {.run = scan<Max>}},
    {"cummin", {.run = scan<Min>}},
};

}  // namespace

KernelTable scan_kernels() { return table; }

}  // namespace tarn::cpu
