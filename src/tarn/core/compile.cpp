#include "tarn/core/compile.h"

#include <algorithm>
#include <cstring>

#include "tarn/core/program.h"

namespace tarn {
namespace {

// Shapes seldom alternate; memory planned for those not seen lately is better given back.
constexpr size_t most_recordings = 4;

struct Signature {
  Shape shape;
  Dtype dtype;
};

// Row-major from the start of a buffer that is there.
array settled(const array& a) {
  const Node& node = *a.node();
  const bool plain = node.contiguous && node.offset == 0;
  array result = plain ? a : make_array(copy_op, {a}, a.shape(), a.dtype());
  result.wait();
  return result;
}

// Whether nobody but the holder of `a` could see its bytes change.
bool alone(const array& a) {
  const Node& node = *a.node();
  return a.node().use_count() == 1 && node.storage.use_count() == 1 &&
         node.storage->buffer.use_count() == 1 && !node.storage->buffer->borrowed();
}

std::shared_ptr<memory::Buffer> copy_of(const array& a) {
  std::shared_ptr<memory::Buffer> copy = memory::allocate(a.nbytes());
  std::memcpy(copy->data(), a.node()->storage->buffer->data(), a.nbytes());
  return copy;
}

// What `function` returned as arrays that own what they show: each the whole, row-major output of
// an operation, and no two the same.
std::vector<array> as_results(const std::vector<array>& arrays) {
  std::vector<array> results;
  for (const array& a : arrays) {
    const Node& node = *a.node();
    const auto same = [&](const array& other) { return other.node()->storage == node.storage; };
    const bool own = node.storage->producer && node.contiguous && node.offset == 0 &&
                     std::none_of(results.begin(), results.end(), same);
    results.push_back(own ? a : make_array(copy_op, {a}, a.shape(), a.dtype()));
  }
  return results;
}

// While a function is recorded, stand-ins of its inputs have the inputs' memory; here it returns.
class Loans {
 public:
  Loans() = default;
  Loans(const Loans&) = delete;
  Loans& operator=(const Loans&) = delete;
  ~Loans() {
    for (Loan& loan : loans_) settle(loan);
  }

  // A stand-in for `input`. One that may be overwritten has to be its memory's only holder.
  array stand_in(const array& input, bool may_be_overwritten) {
    std::shared_ptr<memory::Buffer>& held = input.node()->storage->buffer;
    const bool lend = may_be_overwritten && alone(input);
    std::shared_ptr<memory::Buffer> buffer = lend                 ? std::move(held)
                                             : may_be_overwritten ? memory::allocate(input.nbytes())
                                                                  : held;
    array result(std::move(buffer), input.shape(), input.dtype());
    if (lend) held.reset();
    result.node()->storage->donated = may_be_overwritten;
    loans_.push_back({lend ? input.node()->storage : nullptr, result.node()->storage});
    return result;
  }
  // For a stand-in that nothing refers to and that is about to go.
  void settle(size_t index) { settle(loans_[index]); }
  bool used(size_t index) const { return !loans_[index].stand_in.expired(); }

 private:
  struct Loan {
    std::shared_ptr<Storage> lender;  // null: nothing was lent
    std::weak_ptr<Storage> stand_in;
  };
  static void settle(Loan& loan) {
    const std::shared_ptr<Storage> storage = loan.stand_in.lock();
    if (!storage) return;
    if (loan.lender && storage->buffer) loan.lender->buffer = std::move(storage->buffer);
    storage->buffer.reset();
  }
  std::vector<Loan> loans_;
};

}  // namespace

struct Compiled::Recording {
  // Memory that changes from call to call, and who points into it.
  struct Slot {
    std::byte* base = nullptr;
    std::vector<std::byte**> pointers;

    void move_to(std::byte* data) {
      if (base == nullptr) return;  // nothing points there
      for (std::byte** pointer : pointers) *pointer = data + (*pointer - base);
      base = data;
    }
  };
  struct Output {
    Signature signature;
    size_t slot;  // its own, or that of the input which it overwrites
  };

  std::vector<Signature> inputs;
  std::vector<Output> outputs;
  std::vector<Slot> slots;        // of the inputs, then of the outputs that have their own
  std::vector<bool> overwritten;  // by input
  std::shared_ptr<Program> program;

  Recording(const Function& function, const std::vector<array>& like, size_t donated);
  bool fits(const std::vector<array>& given) const;
  void find_pointers(Slot& slot, size_t bytes);
};

bool Compiled::Recording::fits(const std::vector<array>& given) const {
  const auto same = [](const Signature& s, const array& a) {
    return s.shape == a.shape() && s.dtype == a.dtype();
  };
  return program->members() == Team::instance().members_now() &&
         std::equal(inputs.begin(), inputs.end(), given.begin(), given.end(), same);
}

Compiled::Recording::Recording(const Function& function, const std::vector<array>& like,
                               size_t donated) {
  std::vector<array> kept;  // the graph alone holds the others, which may be overwritten
  std::vector<array> stand_ins;
  std::vector<array> results;
  Loans loans;  // the last, to be settled while there is still something that refers to stand-ins
  for (size_t i = 0; i < like.size(); ++i) {
    inputs.push_back({like[i].shape(), like[i].dtype()});
    stand_ins.push_back(loans.stand_in(like[i], i >= donated));
    slots.push_back({stand_ins.back().node()->storage->buffer->data(), {}});
    if (i < donated) kept.push_back(stand_ins.back());
  }
  results = as_results(function(stand_ins));
  for (size_t i = 0; i < stand_ins.size(); ++i) {
    if (stand_ins[i].node().use_count() == 1) loans.settle(i);
  }
  stand_ins.clear();
  program = plan_program(results);
  for (size_t i = 0; i < slots.size(); ++i) {
    if (!loans.used(i)) slots[i].base = nullptr;
    find_pointers(slots[i], like[i].nbytes());
  }
  overwritten.assign(inputs.size(), false);
  const auto end_of_inputs = slots.size();
  for (const array& result : results) {
    const std::shared_ptr<Storage>& storage = result.node()->storage;
    std::byte* data = storage->buffer->data();
    size_t slot = 0;
    while (slot < end_of_inputs && slots[slot].base != data) ++slot;
    if (slot < end_of_inputs) {
      overwritten[slot] = true;
    } else {
      slot = slots.size();
      slots.push_back({data, {}});
      find_pointers(slots.back(), result.nbytes());
    }
    outputs.push_back({{result.shape(), result.dtype()}, slot});
    program->forget(storage->buffer.get());
    storage->buffer.reset();
  }
}

void Compiled::Recording::find_pointers(Slot& slot, size_t bytes) {
  if (slot.base == nullptr) return;
  for (std::byte** pointer : program->pointers()) {
    if (*pointer >= slot.base && *pointer < slot.base + std::max<size_t>(bytes, 1)) {
      slot.pointers.push_back(pointer);
    }
  }
}

Compiled::Compiled(Function function, size_t donated)
    : function_(std::move(function)), donated_(donated) {}
Compiled::~Compiled() = default;
Compiled::Compiled(Compiled&&) noexcept = default;
Compiled& Compiled::operator=(Compiled&&) noexcept = default;

int Compiled::recordings() const { return count_; }

Compiled::Recording& Compiled::recording_for(const std::vector<array>& inputs) {
  const auto known =
      std::find_if(recordings_.begin(), recordings_.end(),
                   [&](const std::unique_ptr<Recording>& r) { return r->fits(inputs); });
  if (known != recordings_.end()) {
    std::rotate(known, known + 1, recordings_.end());
  } else {
    ++count_;
    auto fresh = std::make_unique<Recording>(function_, inputs, donated_);
    if (recordings_.size() == most_recordings) recordings_.erase(recordings_.begin());
    recordings_.push_back(std::move(fresh));
  }
  return *recordings_.back();
}

std::vector<array> Compiled::operator()(std::vector<array>& inputs) {
  for (array& input : inputs) input = settled(input);
  Recording& recording = recording_for(inputs);
  std::vector<std::shared_ptr<memory::Buffer>> buffers(recording.slots.size());
  for (size_t i = 0; i < inputs.size(); ++i) {
    buffers[i] = recording.overwritten[i] && !alone(inputs[i]) ? copy_of(inputs[i])
                                                               : inputs[i].node()->storage->buffer;
  }
  for (const Recording::Output& output : recording.outputs) {
    if (buffers[output.slot]) continue;
    buffers[output.slot] =
        memory::allocate(static_cast<size_t>(element_count(output.signature.shape)) *
                         size_of(output.signature.dtype));
  }
  for (size_t i = 0; i < buffers.size(); ++i) recording.slots[i].move_to(buffers[i]->data());
  run_program(recording.program);
  if (inputs.size() > donated_) {
    inputs.erase(inputs.begin() + static_cast<ptrdiff_t>(donated_), inputs.end());
  }
  std::vector<array> results;
  for (const Recording::Output& output : recording.outputs) {
    results.emplace_back(buffers[output.slot], output.signature.shape, output.signature.dtype);
  }
  return results;
}

}  // namespace tarn
