#include <algorithm>

#include "tarn/cpu/kernels.h"
#include "tarn/cpu/reducers.h"
#include "tarn/ops/reduce_attributes.h"

namespace tarn::cpu {
namespace {

constexpr int64_t block_elements = 16384;  // one piece of work; cuts long reductions the same way
constexpr int64_t column_tile = 256;       // accumulators that stay in L1

// How a reduction is cut. Blocks of the reduced axis are folded apart and their results then in
// order, so one long sum is shared among the members and has the same bits for any number of them.
struct Cut {
  explicit Cut(const AxisView& view)
      : block(view.inner == 1 ? block_elements
                              : std::max<int64_t>(64, block_elements / view.inner)),
        blocks(std::max<int64_t>(1, (view.extent + block - 1) / block)),
        tiles((view.inner + column_tile - 1) / column_tile) {}
  int64_t block;  // of the reduced axis
  int64_t blocks;
  int64_t tiles;
};

size_t reduce_scratch(const StepShape& shape) {
  const AxisView& view = shape.node.attributes<ReduceAttributes>().view;
  const Cut cut(view);
  if (cut.blocks == 1) return 0;
  return static_cast<size_t>(view.outer * cut.blocks * view.inner) * sizeof(uint64_t);
}

template <typename Reducer, typename T>
void reduce_typed(const KernelArgs& args) {
  using Accumulator = typename Reducer::Accumulator;
  using Result = typename Reducer::Result;
  const AxisView view = args.attributes<ReduceAttributes>().view;
  const Cut cut(view);
  const T* in = args.in[0].as<T>();
  Result* out = args.out[0].as<Result>();
  auto* partial = reinterpret_cast<Accumulator*>(args.scratch);  // [outer, blocks, inner]
  const auto emit = [&](int64_t at, Accumulator value) {
    if (cut.blocks == 1) {
      out[at] = Reducer::finish(value, view.extent);
    } else {
      partial[at] = value;
    }
  };

  const Share::Range units = args.share.of(view.outer * cut.blocks * cut.tiles);
  for (int64_t unit = units.begin; unit < units.end; ++unit) {
    const int64_t tile = unit % cut.tiles;
    const int64_t block = unit / cut.tiles % cut.blocks;
    const int64_t outer = unit / cut.tiles / cut.blocks;
    const int64_t first = block * cut.block;
    const int64_t rows = std::min(cut.block, view.extent - first);
    const T* from = in + (outer * view.extent + first) * view.inner + tile * column_tile;
    const int64_t to = (outer * cut.blocks + block) * view.inner + tile * column_tile;
    if (view.inner == 1) {
      emit(to, fold<Reducer>(from, rows));
      continue;
    }
    const int64_t columns = std::min(column_tile, view.inner - tile * column_tile);
    Accumulator sums[column_tile];
    std::fill_n(sums, columns, Reducer::start());
    for (int64_t row = 0; row < rows; ++row, from += view.inner) {
      for (int64_t c = 0; c < columns; ++c) {
        sums[c] = Reducer::combine(sums[c], static_cast<Accumulator>(Compute<T>::load(from[c])));
      }
    }
    for (int64_t c = 0; c < columns; ++c) emit(to + c, sums[c]);
  }
  if (cut.blocks == 1) return;

  args.meet();
  const Share::Range results = args.share.of(view.outer * view.inner, 16);
  for (int64_t i = results.begin; i < results.end; ++i) {
    const Accumulator* from = partial + i / view.inner * cut.blocks * view.inner + i % view.inner;
    Accumulator total = from[0];
    for (int64_t b = 1; b < cut.blocks; ++b) {
      total = Reducer::combine(total, from[b * view.inner]);
    }
    out[i] = Reducer::finish(total, view.extent);
  }
}

template <template <typename> typename Reducer>
void reduce(const KernelArgs& args) {
  dispatch(args.in[0].dtype, [&](auto zero) {
    using T = decltype(zero);
    reduce_typed<Reducer<T>, T>(args);
  });
}

void mean(const KernelArgs& args) {
  switch (args.in[0].dtype) {
    case Dtype::f16:
      return reduce_typed<Mean<float16>, float16>(args);
    case Dtype::bf16:
      return reduce_typed<Mean<bfloat16>, bfloat16>(args);
    case Dtype::f64:
      return reduce_typed<Mean<double>, double>(args);
    default:
      return reduce_typed<Mean<float>, float>(args);
  }
}

// all and any: the smallest and the largest boolean.
template <template <typename> typename Reducer>
void reduce_bool(const KernelArgs& args) {
  reduce_typed<Reducer<bool>, bool>(args);
}

size_t arg_reduce_scratch(const StepShape& shape) {
  const AxisView& view = shape.node.attributes<ReduceAttributes>().view;
  return static_cast<size_t>(view.outer * Cut(view).blocks) * sizeof(uint64_t);
}

// The best value of each block first (which vectorizes), then the place of the first block's first
// value like it.
template <typename Reducer, typename T>
void arg_reduce_typed(const KernelArgs& args) {
  using Value = typename Reducer::Accumulator;
  const AxisView view = args.attributes<ReduceAttributes>().view;
  const Cut cut(view);
  const T* in = args.in[0].as<T>();
  uint32_t* out = args.out[0].as<uint32_t>();
  auto* best = reinterpret_cast<Value*>(args.scratch);  // [outer, blocks]
  const Share::Range units = args.share.of(view.outer * cut.blocks);
  for (int64_t unit = units.begin; unit < units.end; ++unit) {
    const int64_t first = unit % cut.blocks * cut.block;
    const int64_t n = std::min(cut.block, view.extent - first);
    best[unit] = fold<Reducer>(in + unit / cut.blocks * view.extent + first, n);
  }
  args.meet();
  const Share::Range rows = args.share.of(view.outer);
  for (int64_t row = rows.begin; row < rows.end; ++row) {
    const Value* blocks = best + row * cut.blocks;
    Value value = blocks[0];
    for (int64_t b = 1; b < cut.blocks; ++b) value = Reducer::combine(value, blocks[b]);
    const auto same = [&](Value x) { return x == value || (x != x && value != value); };
    const int64_t block = std::find_if(blocks, blocks + cut.blocks, same) - blocks;
    int64_t at = block * cut.block;
    while (!same(Compute<T>::load(in[row * view.extent + at]))) ++at;
    out[row] = static_cast<uint32_t>(at);
  }
}

template <template <typename> typename Reducer>
void arg_reduce(const KernelArgs& args) {
  dispatch(args.in[0].dtype, [&](auto zero) {
    using T = decltype(zero);
    arg_reduce_typed<Reducer<T>, T>(args);
  });
}

constexpr NamedKernel table[] = {
    {"sum", {.run = reduce<Sum>, .scratch = reduce_scratch}},
    {"prod", {.run = reduce<Prod>, .scratch = reduce_scratch}},
    {"mean", {.run = mean, .scratch = reduce_scratch}},
    {"max", {.run = reduce<Max>, .scratch = reduce_scratch}},
    {"min", {.run = reduce<Min>, .scratch = reduce_scratch}},
    {"all", {.run = reduce_bool<Min>, .scratch = reduce_scratch}},
    {"any", {.run = reduce_bool<Max>, .scratch = reduce_scratch}},
    {"argmax", {.run = arg_reduce<Max>, .scratch = arg_reduce_scratch}},
    {"argmin", {.run = arg_reduce<Min>, .scratch = arg_reduce_scratch}},
};

}  // namespace

KernelTable reduce_kernels() { return table; }

}  // namespace tarn::cpu
