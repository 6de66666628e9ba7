#include "tarn/core/program.h"

#include <algorithm>
#include <mutex>
#include <set>

#include "tarn/base/clock.h"

namespace tarn {
namespace {

std::mutex totals_mutex;
ProgramStats totals;

void add_to_totals(const ProgramStats& stats) {
  const std::lock_guard lock(totals_mutex);
  totals.operations += stats.operations;
  totals.steps += stats.steps;
  totals.barriers += stats.barriers;
  totals.fused += stats.fused;
  totals.reused += stats.reused;
  totals.build_seconds += stats.build_seconds;
  totals.run_seconds += stats.run_seconds;
}

// Decoding is bound by memory, and every wait at a barrier leaves the memory idle: a member that
// waits fetches into its cache what it will read first in the next large step.
class Fetcher {
 public:
  Fetcher(const std::vector<Step>& steps, const std::vector<size_t>& ahead_steps, int member)
      : steps_(steps), ahead_steps_(ahead_steps), member_(static_cast<size_t>(member)) {
    begin();
  }

  // The member comes to this step: what lies ahead are the steps after it, or the step itself while
  // its barrier is closed.
  void arrive(size_t step) {
    if (next_ == ahead_steps_.size() || ahead_steps_[next_] >= step) return;
    ++next_;
    begin();
  }

  void fetch() {
    constexpr size_t lines = 4;
    if (left_ == 0) return;
    for (size_t line = 0; line < lines; ++line) __builtin_prefetch(at_ + line * 64, 0, 2);
    const size_t bytes = std::min(left_, lines * 64);
    at_ += bytes;
    left_ -= bytes;
  }

 private:
  // Part of a second-level cache: what is fetched has to be still there when it is wanted.
  static constexpr size_t most = size_t{256} << 10;

  void begin() {
    left_ = 0;
    if (next_ == ahead_steps_.size()) return;
    const std::span<const std::byte> ahead = steps_[ahead_steps_[next_]].ahead[member_];
    at_ = ahead.data();
    left_ = std::min(ahead.size(), most);
  }

  const std::vector<Step>& steps_;
  const std::vector<size_t>& ahead_steps_;
  size_t member_;
  size_t next_ = 0;
  const std::byte* at_ = nullptr;
  size_t left_ = 0;
};

}  // namespace

ProgramStats program_totals() {
  const std::lock_guard lock(totals_mutex);
  return totals;
}

void reset_program_totals() {
  const std::lock_guard lock(totals_mutex);
  totals = {};
}

void Event::set(std::exception_ptr error, std::vector<bool> failed_steps) {
  {
    const std::lock_guard lock(mutex_);
    error_ = std::move(error);
    failed_steps_ = std::move(failed_steps);
    done_.store(true, std::memory_order_release);
  }
  changed_.notify_all();
}

void Event::wait(int step) {
  if (!done()) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return done(); });
  }
  if (failed(step)) std::rethrow_exception(error_);
}

bool Event::failed(int step) const {
  if (!done() || error_ == nullptr) return false;
  return failed_steps_.empty() || failed_steps_[static_cast<size_t>(step)];
}

// A Program that was planned for one member runs on the caller alone.
int Program::members_on(const Team& team) const { return members_ == 1 ? 1 : team.size(); }

void Program::run_member(int member, Team& team, Failures& failures, const Profile* profile,
                         StepTime* times) {
  const int members = members_on(team);
  const bool alone = all_serial_ || members == 1;
  Fetcher fetcher(steps_, ahead_steps_, member);
  const auto stamp = [&](const Step& step, double StepTime::*field) {
    if (profile == nullptr) return;
    const auto row = static_cast<size_t>(&step - steps_.data());
    times[row * static_cast<size_t>(members) + static_cast<size_t>(member)].*field = profile->now();
  };
  for (Step& step : steps_) {
    stamp(step, &StepTime::ready);
    fetcher.arrive(static_cast<size_t>(&step - steps_.data()));
    if (step.barrier_before && !alone) {
      team.barrier().wait([&fetcher] { fetcher.fetch(); });
    }
    stamp(step, &StepTime::begin);
    const bool shared = !step.serial && members > 1;
    if (!shared && member != 0) continue;
    const KernelArgs args{*step.node,
                          step.in,
                          step.out,
                          shared ? Share{member, members} : Share{0, 1},
                          step.state,
                          step.scratch,
                          shared ? &team.barrier() : nullptr};
    // After an error the steps run on over what memory holds: sizes are planned, so that is safe,
    // and members that left a step early could strand the others at a meeting.
    try {
      if (step.map) {
        step.map->run(args);
      } else {
        step.run(args);
      }
    } catch (...) {
      const std::lock_guard lock(failures.mutex);
      if (failures.error == nullptr) failures.error = std::current_exception();
      failures.steps.push_back(static_cast<size_t>(&step - steps_.data()));
    }
    stamp(step, &StepTime::end);
  }
}

void Program::rearm() {
  event_ = std::make_shared<Event>();
  inputs_.clear();
  stats_.build_seconds = 0;
  for (Step& step : steps_) step.state.next.store(0, std::memory_order_relaxed);
}

std::vector<std::byte**> Program::pointers() {
  std::vector<std::byte**> found;
  for (Step& step : steps_) {
    for (Operand& operand : step.in) found.push_back(&operand.data);
    for (Operand& operand : step.out) found.push_back(&operand.data);
    if (step.scratch != nullptr) found.push_back(&step.scratch);
  }
  return found;
}

void Program::forget(memory::Buffer* buffer) {
  std::erase_if(buffers_, [&](const auto& kept) { return kept.get() == buffer; });
}

std::vector<bool> Program::spread(const std::vector<size_t>& failed) const {
  std::vector<bool> tainted(steps_.size(), false);
  for (const size_t step : failed) tainted[step] = true;
  // Buffers that hold nothing of use at this point of the Program.
  std::set<const memory::Buffer*> spoiled;
  const auto buffer_of = [&](const Operand& operand) -> const memory::Buffer* {
    for (const std::shared_ptr<memory::Buffer>& buffer : buffers_) {
      if (operand.data >= buffer->data() && operand.data < buffer->data() + buffer->size()) {
        return buffer.get();
      }
    }
    return nullptr;  // an input of the Program
  };
  for (size_t i = 0; i < steps_.size(); ++i) {
    for (const Operand& operand : steps_[i].in) {
      if (spoiled.contains(buffer_of(operand))) tainted[i] = true;
    }
    for (const Operand& operand : steps_[i].out) {
      const memory::Buffer* buffer = buffer_of(operand);
      if (buffer == nullptr) continue;
      if (tainted[i]) {
        spoiled.insert(buffer);
      } else {
        spoiled.erase(buffer);
      }
    }
  }
  return tainted;
}

void Program::run(Team& team) {
  const Clock::time_point start = Clock::now();
  Failures failures;
  for (const Input& input : inputs_) {
    if (input.event->failed(input.step)) failures.error = input.event->error();
  }
  const bool readable = failures.error == nullptr;
  Profile* profile = current_profile();
  std::vector<StepTime> times(
      profile != nullptr ? steps_.size() * static_cast<size_t>(members_on(team)) : size_t{0});
  const auto member_work = [&](int member) {
    run_member(member, team, failures, profile, times.data());
  };
  if (readable && (all_serial_ || members_on(team) == 1)) {
    member_work(0);
  } else if (readable) {
    team.run(member_work);
  }
  if (profile != nullptr && readable) profile->add(steps_, times, members_on(team));
  stats_.run_seconds = seconds_since(start);
  add_to_totals(stats_);
  const bool some = readable && failures.error != nullptr;
  event_->set(failures.error, some ? spread(failures.steps) : std::vector<bool>{});
}

}  // namespace tarn
