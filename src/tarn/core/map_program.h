// A fused chain of elementwise operations: run tile by tile, every intermediate value in L1.
#pragma once

#include <cstdint>
#include <vector>

#include "tarn/core/unit.h"

namespace tarn {

class MapProgram {
 public:
  static constexpr int64_t tile = 256;  // elements
  static constexpr int max_registers = 32;

  // Adds an input operand (an index into the step's operands); returns its register.
  int add_input(int operand);
  // Adds an instruction; the last one added writes the step's output. Returns its register.
  int add_instruction(MapFunction function, const std::vector<int>& registers);

  void run(const KernelArgs& args) const;
  size_t operations() const { return instructions_.size(); }

 private:
  struct Instruction {
    MapFunction function;
    int inputs[3];
    int input_count;
    int output;
  };
  struct Input {
    int operand;
    int reg;
  };
  std::vector<Input> inputs_;
  std::vector<Instruction> instructions_;
  int registers_ = 0;
};

}  // namespace tarn
