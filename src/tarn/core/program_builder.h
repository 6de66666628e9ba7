// Turns a graph into a Program: collect, group, order, place in memory, set barriers.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "tarn/core/program.h"

namespace tarn {

class ProgramBuilder {
 public:
  ProgramBuilder(const Unit& unit, int members, bool recorded);
  std::unique_ptr<Program> build(const std::vector<array>& roots);

 private:
  // Several elementwise operations that run as one step, or one operation of any kind.
  struct Group {
    std::vector<int> members;  // indices into order_, ascending; the last is the sink
    int registers = 0;         // an upper bound on what its MapProgram needs
  };

  // collect.cpp: topological order, reference counts, compositions of operations without a kernel.
  void collect(const std::vector<array>& roots);
  void visit(const std::shared_ptr<OpNode>& root);
  void see_input(const array& input);
  bool see_storage(Storage& storage);
  const std::shared_ptr<OpNode>& producer_of(Storage& storage);
  void find_outside_holders();

  // fuse.cpp
  void group();

  // plan.cpp: operands, buffers, barriers.
  void make_steps();
  void make_step(const Group& group, int index);
  void make_map_step(const Group& group, Step& step);
  void make_kernel_step(Step& step);
  void place_outputs(Step& step, int index);
  std::shared_ptr<memory::Buffer> reuse_input(const Step& step, int index, size_t bytes);
  std::shared_ptr<memory::Buffer> take(size_t bytes);
  void release_inputs(int index);
  void set_barrier(Step& step);
  void publish();

  const Unit& unit_;
  const int members_;
  const bool recorded_;
  const uint64_t id_;  // marks what this build has seen
  std::unique_ptr<Program> program_ = std::make_unique<Program>();

  std::vector<std::shared_ptr<OpNode>> order_;
  std::vector<std::vector<std::shared_ptr<Storage>>> outputs_;  // of order_[i]
  std::vector<const array*> inputs_seen_;  // one for each array that operations of the graph read
  std::vector<int> group_of_;              // of order_[i]
  std::vector<Group> groups_;
  std::vector<std::vector<const array*>> step_inputs_;  // arrays each step reads
  std::vector<std::shared_ptr<memory::Buffer>> free_;  // planned memory whose last reader is behind
  std::vector<memory::Buffer*> step_reads_;            // of the step in hand
  std::vector<memory::Buffer*> step_writes_;
  Storage* reused_storage_ = nullptr;  // its buffer went to the step's output
  uint32_t interval_ = 1;              // steps between two barriers
};

}  // namespace tarn
