// Third stage: operands and kernels of each step, memory by lifetime, barriers where data flows
// between members.
#include <algorithm>
#include <limits>

#include "tarn/base/clock.h"
#include "tarn/base/error.h"
#include "tarn/core/program_builder.h"

namespace tarn {
namespace {

std::atomic<uint64_t> next_id{1};

Operand operand_of(const array& input) {
  const Node& node = *input.node();
  return {node.storage->buffer->data() + node.offset, node.dtype, node.contiguous, node.shape,
          node.strides};
}

memory::PlanMark& mark_of(memory::Buffer& buffer, uint64_t program) {
  if (buffer.plan.program != program) buffer.plan = {.program = program};
  return buffer.plan;
}

}  // namespace

ProgramBuilder::ProgramBuilder(const Unit& unit, int members, bool recorded)
    : unit_(unit),
      members_(members),
      recorded_(recorded),
      id_(next_id.fetch_add(1, std::memory_order_relaxed)) {}

std::unique_ptr<Program> ProgramBuilder::build(const std::vector<array>& roots) {
  const Clock::time_point start = Clock::now();
  collect(roots);
  if (order_.empty() && program_->inputs_.empty()) return nullptr;
  group();
  make_steps();
  program_->members_ = members_;
  ProgramStats& stats = program_->stats_;
  stats.operations = static_cast<int>(order_.size());
  stats.steps = static_cast<int>(groups_.size());
  stats.fused = stats.operations - stats.steps;
  publish();
  stats.build_seconds = seconds_since(start);
  return std::move(program_);
}

void ProgramBuilder::make_steps() {
  program_->steps_ = std::vector<Step>(groups_.size());
  step_inputs_.resize(groups_.size());
  for (size_t g = 0; g < groups_.size(); ++g) {
    for (const int member : groups_[g].members) {
      for (const array& input : order_[static_cast<size_t>(member)]->inputs) {
        Storage& storage = *input.node()->storage;
        const OpNode* producer = storage.producer.get();
        const bool inside =
            producer != nullptr &&
            group_of_[static_cast<size_t>(producer->plan_index)] == static_cast<int>(g);
        if (inside) continue;
        storage.last_step = static_cast<int>(g);
        std::vector<const array*>& inputs = step_inputs_[g];
        const auto same = [&](const array* other) { return other->node() == input.node(); };
        // A fused step reads each array once; a kernel expects its operands by position.
        if (groups_[g].members.size() > 1 && std::any_of(inputs.begin(), inputs.end(), same))
          continue;
        inputs.push_back(&input);
      }
    }
  }
  for (size_t g = 0; g < groups_.size(); ++g) make_step(groups_[g], static_cast<int>(g));
}

void ProgramBuilder::make_step(const Group& group, int index) {
  Step& step = program_->steps_[static_cast<size_t>(index)];
  step.node = order_[static_cast<size_t>(group.members.back())];
  const OpNode& node = *step.node;
  step_reads_.clear();
  step_writes_.clear();
  const std::vector<const array*>& inputs = step_inputs_[static_cast<size_t>(index)];
  step.in.reserve(inputs.size());
  for (const array* input : inputs) {
    step.in.push_back(operand_of(*input));
    step_reads_.push_back(input->node()->storage->buffer.get());
  }
  place_outputs(step, index);
  if (node.op->kind == Op::Kind::elementwise) {
    make_map_step(group, step);
  } else {
    make_kernel_step(step);
  }
  set_barrier(step);
  release_inputs(index);
}

void ProgramBuilder::make_map_step(const Group& group, Step& step) {
  const auto index = static_cast<size_t>(group_of_[static_cast<size_t>(group.members.back())]);
  const std::vector<const array*>& inputs = step_inputs_[index];
  step.map = std::make_unique<MapProgram>();
  std::vector<int> input_register(inputs.size());
  for (size_t i = 0; i < inputs.size(); ++i) {
    input_register[i] = step.map->add_input(static_cast<int>(i));
  }
  std::vector<int> output_register(group.members.size());
  for (size_t m = 0; m < group.members.size(); ++m) {
    const OpNode& node = *order_[static_cast<size_t>(group.members[m])];
    std::vector<int> registers;
    std::vector<Dtype> dtypes;
    size_t position = 0;  // of this operation's next input, when the group has one member
    for (const array& input : node.inputs) {
      dtypes.push_back(input.dtype());
      const auto is_input = [&](const array* other) { return other->node() == input.node(); };
      const auto found = std::find_if(inputs.begin(), inputs.end(), is_input);
      if (found != inputs.end()) {
        const auto at =
            group.members.size() > 1 ? static_cast<size_t>(found - inputs.begin()) : position;
        registers.push_back(input_register[at]);
      } else {
        const int producer = input.node()->storage->producer->plan_index;
        const auto member = std::find(group.members.begin(), group.members.end(), producer);
        registers.push_back(output_register[static_cast<size_t>(member - group.members.begin())]);
      }
      ++position;
    }
    const MapFunction function = unit_.find_map(*node.op, dtypes, node.specs[0].dtype);
    if (function == nullptr) {
      fail(ErrorCode::unsupported, "[{}] unit {} cannot compute it on {}; cast the operands first",
           node.op->name, unit_.name(), name(dtypes.empty() ? node.specs[0].dtype : dtypes[0]));
    }
    output_register[m] = step.map->add_instruction(function, registers);
  }
  const int64_t bytes = step.out[0].nbytes() * static_cast<int64_t>(group.members.size() + 1);
  step.cost = bytes;
  step.serial = bytes < serial_limit;
}

void ProgramBuilder::make_kernel_step(Step& step) {
  const Kernel kernel = unit_.find(*step.node->op);
  step.run = kernel.run;
  const StepShape shape{*step.node, step.in, step.out, members_};
  if (kernel.scratch != nullptr) {
    const size_t bytes = kernel.scratch(shape);
    if (bytes > 0) {
      std::shared_ptr<memory::Buffer> scratch = take(bytes);
      step.scratch = scratch->data();
      step_writes_.push_back(scratch.get());
      free_.push_back(std::move(scratch));
    }
  }
  if (kernel.cost != nullptr) {
    step.cost = kernel.cost(shape);
  } else {
    for (const Operand& operand : step.in) step.cost += operand.nbytes();
    for (const Operand& operand : step.out) step.cost += operand.nbytes();
  }
  step.serial = step.cost < serial_limit;
  if (kernel.ahead == nullptr || step.serial || members_ == 1) return;
  for (int member = 0; member < members_; ++member) {
    step.ahead.push_back(kernel.ahead(shape, member));
  }
  program_->ahead_steps_.push_back(static_cast<size_t>(&step - program_->steps_.data()));
}

void ProgramBuilder::place_outputs(Step& step, int index) {
  const OpNode& node = *step.node;
  const std::vector<std::shared_ptr<Storage>>& outputs =
      outputs_[static_cast<size_t>(node.plan_index)];
  step.out.reserve(outputs.size());
  for (size_t i = 0; i < outputs.size(); ++i) {
    const OutputSpec& spec = node.specs[i];
    const size_t bytes = static_cast<size_t>(element_count(spec.shape)) * size_of(spec.dtype);
    std::shared_ptr<memory::Buffer> buffer;
    if (i == 0) buffer = reuse_input(step, index, bytes);
    const bool keep = outputs[i] != nullptr && outputs[i]->held_outside;
    if (!buffer) buffer = keep ? memory::allocate(bytes) : take(bytes);
    step.out.emplace_back(buffer->data(), spec.dtype, true, spec.shape, spec.strides);
    step_writes_.push_back(buffer.get());
    program_->buffers_.push_back(buffer);
    if (outputs[i] != nullptr) {
      outputs[i]->buffer = std::move(buffer);
    } else {
      free_.push_back(std::move(buffer));  // nobody reads it: free again after this step
    }
  }
}

// The buffer of an input that nobody needs after this step, for the step's first output.
std::shared_ptr<memory::Buffer> ProgramBuilder::reuse_input(const Step& step, int index,
                                                            size_t bytes) {
  const OpNode& node = *step.node;
  const std::vector<const array*>& inputs = step_inputs_[static_cast<size_t>(index)];
  const bool map = node.op->kind == Op::Kind::elementwise;
  if (!map && node.op->reusable_input < 0) return nullptr;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (!map && static_cast<int>(i) != node.op->reusable_input) continue;
    const array& input = *inputs[i];
    Storage& storage = *input.node()->storage;
    const bool fits = input.contiguous() && input.node()->offset == 0 && input.nbytes() == bytes &&
                      size_of(input.dtype()) == size_of(node.specs[0].dtype);
    if (!fits || storage.held_outside || storage.last_step != index) continue;
    if (storage.buffer->borrowed() || storage.buffer->size() < bytes) continue;
    // Planned buffers are also held in buffers_; an evaluated one must be the storage's alone.
    if (!storage.producer && storage.buffer.use_count() > 1) continue;
    if (!storage.producer && recorded_ && !storage.donated) continue;
    const auto other_view = [&](const array* other) {
      return other != inputs[i] && other->node()->storage == input.node()->storage;
    };
    if (std::any_of(inputs.begin(), inputs.end(), other_view)) continue;
    ++program_->stats_.reused;
    reused_storage_ = &storage;
    return storage.buffer;
  }
  return nullptr;
}

// Memory for a value that dies within the Program: the smallest free piece that fits without waste
// and was not touched since the last barrier (reusing one that was would cost another barrier).
// Large values reuse memory whatever it costs.
std::shared_ptr<memory::Buffer> ProgramBuilder::take(size_t bytes) {
  constexpr size_t large = size_t{1} << 20;
  auto best = free_.end();
  size_t best_size = std::max<size_t>(bytes * 4, 4096);
  for (auto it = free_.begin(); it != free_.end(); ++it) {
    const size_t size = (*it)->size();
    if (size < bytes || size > best_size) continue;
    const memory::PlanMark& mark = mark_of(**it, id_);
    const bool touched = mark.read_interval == interval_ || mark.write_interval == interval_;
    if (touched && bytes < large) continue;
    best = it;
    best_size = size;
  }
  if (best == free_.end()) {
    std::shared_ptr<memory::Buffer> buffer = memory::allocate(bytes);
    program_->buffers_.push_back(buffer);
    return buffer;
  }
  std::shared_ptr<memory::Buffer> buffer = std::move(*best);
  free_.erase(best);
  return buffer;
}

void ProgramBuilder::release_inputs(int index) {
  for (const array* input : step_inputs_[static_cast<size_t>(index)]) {
    Storage& storage = *input->node()->storage;
    if (storage.last_step != index || storage.held_outside || !storage.producer) continue;
    storage.last_step = -1;  // once, when several views are operands
    if (&storage == reused_storage_) continue;
    free_.push_back(storage.buffer);
  }
  if (reused_storage_ != nullptr) {
    if (!reused_storage_->producer) program_->buffers_.push_back(reused_storage_->buffer);
    reused_storage_ = nullptr;
  }
}

// Two steps need a barrier between them when one writes what the other reads or writes and not both
// run on member 0 alone.
void ProgramBuilder::set_barrier(Step& step) {
  const bool all = !step.serial && members_ > 1;
  const auto conflict = [&](uint32_t interval, bool by_all) {
    return interval == interval_ && (all || by_all);
  };
  bool needed = false;
  for (memory::Buffer* buffer : step_reads_) {
    const memory::PlanMark& mark = mark_of(*buffer, id_);
    needed = needed || conflict(mark.write_interval, mark.write_by_all);
  }
  for (memory::Buffer* buffer : step_writes_) {
    const memory::PlanMark& mark = mark_of(*buffer, id_);
    needed = needed || conflict(mark.write_interval, mark.write_by_all) ||
             conflict(mark.read_interval, mark.read_by_all);
  }
  if (needed) {
    ++interval_;
    ++program_->stats_.barriers;
  }
  step.barrier_before = needed;
  const auto note = [&](uint32_t& interval, bool& by_all) {
    by_all = all || (interval == interval_ && by_all);
    interval = interval_;
  };
  for (memory::Buffer* buffer : step_reads_)
    note(buffer->plan.read_interval, buffer->plan.read_by_all);
  for (memory::Buffer* buffer : step_writes_) {
    note(buffer->plan.write_interval, buffer->plan.write_by_all);
  }
  if (all) program_->all_serial_ = false;
}

// From here on the results are scheduled: whoever asks for them waits for the Program's event.
void ProgramBuilder::publish() {
  for (size_t i = 0; i < outputs_.size(); ++i) {
    for (const std::shared_ptr<Storage>& storage : outputs_[i]) {
      if (!storage || !storage->held_outside) continue;
      storage->producer.reset();
      storage->ready = program_->event_;
      storage->step = group_of_[i];
      storage->scheduled.store(true, std::memory_order_release);
    }
  }
  program_->nodes_ = std::move(order_);
}

std::unique_ptr<Program> Program::build(const std::vector<array>& roots, const Unit& unit,
                                        int members, bool recorded) {
  return ProgramBuilder(unit, members, recorded).build(roots);
}

}  // namespace tarn
