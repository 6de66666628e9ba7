// A Program: the flat list of steps that computes some arrays, with every buffer planned.
#pragma once

#include <exception>
#include <memory>
#include <mutex>
#include <vector>

#include "tarn/core/map_program.h"
#include "tarn/core/node.h"
#include "tarn/core/profile.h"
#include "tarn/core/unit.h"

namespace tarn {

struct Step {
  KernelFunction run = nullptr;  // null: `map` runs
  std::unique_ptr<MapProgram> map;
  std::shared_ptr<OpNode> node;  // of a fused step: the last operation
  std::vector<Operand> in;
  std::vector<Operand> out;
  std::byte* scratch = nullptr;
  bool serial = false;  // member 0 alone
  bool barrier_before = false;
  int64_t cost = 0;                               // bytes moved, or their equivalent in time
  std::vector<std::span<const std::byte>> ahead;  // by member: what it reads first; may be empty
  StepState state;
};

struct ProgramStats {
  int operations = 0;
  int steps = 0;
  int barriers = 0;
  int fused = 0;   // operations that became part of another's step
  int reused = 0;  // outputs that took over an input's buffer
  double build_seconds = 0;
  double run_seconds = 0;
};

class Program {
 public:
  // Plans the work that `roots` need; null when there is none. Allocates all memory of the run, so
  // a limit is hit here and not midway. Afterwards the roots count as scheduled. Call with the
  // evaluation lock held.
  // recorded: it will run more than once, so it overwrites no input but those marked as donated.
  static std::unique_ptr<Program> build(const std::vector<array>& roots, const Unit& unit,
                                        int members, bool recorded = false);

  // Runs the steps on the team, then sets event(). Does not throw.
  void run(Team& team);

  // For running it again on other memory (core/compile.h), while it does not run.
  void rearm();                             // a new event
  std::vector<std::byte**> pointers();      // every address that steps work on
  void forget(memory::Buffer* buffer);      // no longer keeps it alive
  int members() const { return members_; }  // of the team it was planned for

  const std::shared_ptr<Event>& event() const { return event_; }
  const ProgramStats& stats() const { return stats_; }
  const std::vector<Step>& steps() const { return steps_; }

 private:
  friend class ProgramBuilder;
  int members_on(const Team& team) const;
  // What went wrong in a run; members add to it.
  struct Failures {
    std::mutex mutex;
    std::exception_ptr error;  // the first
    std::vector<size_t> steps;
  };

  void run_member(int member, Team& team, Failures& failures, const Profile* profile,
                  StepTime* times);
  // Marks the steps that failed and all that read what they wrote.
  std::vector<bool> spread(const std::vector<size_t>& failed) const;

  std::vector<Step> steps_;
  std::vector<size_t> ahead_steps_;             // those with something to fetch ahead, ascending
  std::vector<std::shared_ptr<OpNode>> nodes_;  // keeps the graph while steps run
  std::vector<std::shared_ptr<memory::Buffer>> buffers_;  // and the planned memory
  struct Input {
    std::shared_ptr<Event> event;
    int step;
  };
  std::vector<Input> inputs_;  // results of Programs that had not run when this one was planned
  std::shared_ptr<Event> event_ = std::make_shared<Event>();
  ProgramStats stats_;
  int members_ = 0;
  bool all_serial_ = true;
};

// Plans what the roots need, which is something, to be run by the caller as often as it likes.
std::shared_ptr<Program> plan_program(const std::vector<array>& roots);
// Runs it behind all that was planned before. Throws the first error of the work.
void run_program(const std::shared_ptr<Program>& program);

// Totals over all Programs of the process since the last reset (benchmarks and tests read them).
ProgramStats program_totals();
void reset_program_totals();

}  // namespace tarn
