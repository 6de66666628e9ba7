#include "tarn/core/map_program.h"

#include <algorithm>
#include <cstring>

namespace tarn {
namespace {

constexpr size_t register_bytes = static_cast<size_t>(MapProgram::tile) * 8;

// Copies elements [begin, begin + n) of a view, in row-major order, to contiguous `out`.
template <typename Word>
void load_strided(const Operand& operand, int64_t begin, int64_t n, Word* out) {
  const Shape& shape = operand.shape();
  const Strides& strides = operand.strides();
  const int rank = shape.rank();
  const Word* base = reinterpret_cast<const Word*>(operand.data);
  Dims index(rank, 0);
  int64_t at = 0;
  for (int axis = rank - 1; axis >= 0; --axis) {
    index[axis] = begin % shape[axis];
    begin /= shape[axis];
    at += index[axis] * strides[axis];
  }
  const int64_t inner_extent = shape[rank - 1];
  const int64_t inner_stride = strides[rank - 1];
  while (n > 0) {
    const int64_t run = std::min(n, inner_extent - index[rank - 1]);
    const Word* source = base + at;
    if (inner_stride == 1) {
      std::memcpy(out, source, static_cast<size_t>(run) * sizeof(Word));
    } else if (inner_stride == 0) {
      std::fill_n(out, run, *source);
    } else {
      for (int64_t i = 0; i < run; ++i) out[i] = source[i * inner_stride];
    }
    out += run;
    n -= run;
    at -= index[rank - 1] * inner_stride;
    index[rank - 1] = 0;
    for (int axis = rank - 2; axis >= 0; --axis) {
      at += strides[axis];
      if (++index[axis] < shape[axis]) break;
      at -= strides[axis] * shape[axis];
      index[axis] = 0;
    }
  }
}

void load_tile(const Operand& operand, int64_t begin, int64_t n, std::byte* out) {
  switch (size_of(operand.dtype)) {
    case 1:
      return load_strided(operand, begin, n, reinterpret_cast<uint8_t*>(out));
    case 2:
      return load_strided(operand, begin, n, reinterpret_cast<uint16_t*>(out));
    case 4:
      return load_strided(operand, begin, n, reinterpret_cast<uint32_t*>(out));
    default:
      return load_strided(operand, begin, n, reinterpret_cast<uint64_t*>(out));
  }
}

bool is_constant(const Operand& operand) {
  for (int i = 0; i < operand.ndim(); ++i) {
    if (operand.shape(i) != 1 && operand.stride(i) != 0) return false;
  }
  return operand.ndim() > 0;
}

}  // namespace

int MapProgram::add_input(int operand) {
  inputs_.push_back({operand, registers_});
  return registers_++;
}

int MapProgram::add_instruction(MapFunction function, const std::vector<int>& registers) {
  Instruction instruction{function, {0, 0, 0}, static_cast<int>(registers.size()), registers_};
  std::copy(registers.begin(), registers.end(), instruction.inputs);
  instructions_.push_back(instruction);
  return registers_++;
}

void MapProgram::run(const KernelArgs& args) const {
  alignas(64) static thread_local std::byte memory[max_registers][register_bytes];
  const Operand& out = args.out[0];
  const int64_t total = out.size();
  const Share::Range range = args.share.of(total, tile);
  if (range.begin >= range.end) return;

  const void* registers[max_registers] = {};
  for (const Input& input : inputs_) {
    const Operand& operand = args.in[static_cast<size_t>(input.operand)];
    if (!operand.contiguous && is_constant(operand)) {
      load_tile(operand, 0, std::min(tile, total), memory[input.reg]);
      registers[input.reg] = memory[input.reg];
    }
  }
  const auto out_size = static_cast<int64_t>(size_of(out.dtype));
  for (int64_t begin = range.begin; begin < range.end; begin += tile) {
    const int64_t n = std::min(tile, range.end - begin);
    for (const Input& input : inputs_) {
      const Operand& operand = args.in[static_cast<size_t>(input.operand)];
      if (operand.contiguous) {
        registers[input.reg] = operand.data + begin * static_cast<int64_t>(size_of(operand.dtype));
      } else if (!is_constant(operand)) {
        load_tile(operand, begin, n, memory[input.reg]);
        registers[input.reg] = memory[input.reg];
      }
    }
    for (const Instruction& instruction : instructions_) {
      const void* in[3];
      for (int i = 0; i < instruction.input_count; ++i) in[i] = registers[instruction.inputs[i]];
      const bool last = &instruction == &instructions_.back();
      void* target =
          last ? static_cast<void*>(out.data + begin * out_size) : memory[instruction.output];
      instruction.function(in, target, n);
      registers[instruction.output] = target;
    }
  }
}

}  // namespace tarn
