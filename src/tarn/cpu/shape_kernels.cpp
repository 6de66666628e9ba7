#include <cstring>

#include "tarn/cpu/kernels.h"
#include "tarn/cpu/strided.h"
#include "tarn/ops/shape_attributes.h"

namespace tarn::cpu {
namespace {

void concatenate(const KernelArgs& args) {
  const Operand& out = args.out[0];
  const int axis = args.attributes<ConcatenateAttributes>().axis;
  const size_t size = size_of(out.dtype);
  int64_t at = 0;
  for (const Operand& input : args.in) {
    std::byte* to = out.data + at * out.stride(axis) * static_cast<int64_t>(size);
    const Share::Range range = args.share.of(input.size());
    copy_strided(input.data, input.strides(), to, out.strides(), input.shape(), size, range.begin,
                 range.end);
    at += input.shape(axis);
  }
}

void slice_update(const KernelArgs& args) {
  const Operand& out = args.out[0];
  const Operand& base = args.in[0];
  const Operand& update = args.in[1];
  const auto size = static_cast<int64_t>(size_of(out.dtype));
  if (out.data != base.data) {
    const Share::Range range = args.share.of(out.nbytes(), 64);
    std::memcpy(out.data + range.begin, base.data + range.begin,
                static_cast<size_t>(range.end - range.begin));
    args.meet();
  }
  const Dims& start = args.attributes<SliceUpdateAttributes>().start;
  std::byte* to = out.data;
  for (int i = 0; i < start.rank(); ++i) to += start[i] * out.stride(i) * size;
  const Share::Range range = args.share.of(update.size());
  copy_strided(update.data, update.strides(), to, out.strides(), update.shape(),
               static_cast<size_t>(size), range.begin, range.end);
}

// In place, only the update moves.
int64_t slice_update_cost(const StepShape& shape) {
  const bool in_place = shape.out[0].data == shape.in[0].data;
  return shape.in[1].nbytes() * 2 + (in_place ? 0 : shape.out[0].nbytes() * 2);
}

constexpr NamedKernel table[] = {
    {"concatenate", {.run = concatenate}},
    {"slice_update", {.run = slice_update, .cost = slice_update_cost}},
};

}  // namespace

KernelTable shape_kernels() { return table; }

}  // namespace tarn::cpu
