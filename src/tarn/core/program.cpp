#include "tarn/core/program.h"

#include <chrono>
#include <mutex>

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

}  // namespace

ProgramStats program_totals() {
  const std::lock_guard lock(totals_mutex);
  return totals;
}

void reset_program_totals() {
  const std::lock_guard lock(totals_mutex);
  totals = {};
}

void Event::set(std::exception_ptr error) {
  {
    const std::lock_guard lock(mutex_);
    error_ = std::move(error);
    done_.store(true, std::memory_order_release);
  }
  changed_.notify_all();
}

void Event::wait() {
  if (!done()) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return done(); });
  }
  if (error_) std::rethrow_exception(error_);
}

void Program::run_member(int member, Team& team, std::atomic<bool>& failed,
                         std::exception_ptr& error) {
  const bool alone = all_serial_;
  for (Step& step : steps_) {
    if (step.barrier_before && !alone) team.barrier().wait();
    const bool shared = !step.serial && team.size() > 1;
    if (!shared && member != 0) continue;
    const KernelArgs args{*step.node,
                          step.in,
                          step.out,
                          shared ? Share{member, team.size()} : Share{0, 1},
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
      if (!failed.exchange(true)) error = std::current_exception();
    }
  }
}

void Program::run(Team& team) {
  const auto start = std::chrono::steady_clock::now();
  std::atomic<bool> failed{false};
  std::exception_ptr error;
  for (const std::shared_ptr<Event>& input : inputs_) {
    if (input->failed()) error = input->error();  // streams run in order: it is done
  }
  if (!error) {
    if (all_serial_) {
      run_member(0, team, failed, error);
    } else {
      team.run([&](int member) { run_member(member, team, failed, error); });
    }
  }
  stats_.run_seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  add_to_totals(stats_);
  event_->set(error);
}

}  // namespace tarn
