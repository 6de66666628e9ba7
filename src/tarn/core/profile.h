// Where the time of Programs goes: step by step, member by member.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace tarn {

struct Step;

// Seconds since the profile's start, of one member in one step.
struct StepTime {
  double ready = 0;  // the step before was done; until `begin` the member waited at a barrier
  double begin = 0;
  double end = 0;
};

class Profile {
 public:
  // One kind of step: an operation with its shapes, or a fused chain.
  struct Kind {
    std::string name;    // "quantized_matmul"; of a fused step "map: ... mul"
    std::string shapes;  // "(1, 1024) x (3584, 1024) -> (1, 3584)"
    int64_t bytes = 0;   // of all operands, or what the kernel says it moves
    int64_t count = 0;
    double seconds = 0;  // from the first member's begin to the last one's end, summed
    double waiting = 0;  // of the members together: idle during the step and at the barrier ahead
  };
  struct Span {
    uint32_t kind;
    int32_t member;
    double begin;
    double seconds;
  };
  static constexpr size_t max_spans = size_t{1} << 20;

  Profile();

  double now() const;  // seconds since the start
  // times [steps, members].
  void add(const std::vector<Step>& steps, const std::vector<StepTime>& times, int members);

  const std::vector<Kind>& kinds() const { return kinds_; }
  const std::vector<Span>& spans() const { return spans_; }
  bool truncated() const { return truncated_; }  // more spans came than are kept
  double seconds() const { return seconds_; }    // that Programs ran

 private:
  uint32_t kind_of(const Step& step);

  int64_t start_;  // nanoseconds of the steady clock
  std::mutex mutex_;
  std::map<std::string, uint32_t> index_;
  std::vector<Kind> kinds_;
  std::vector<Span> spans_;
  bool truncated_ = false;
  double seconds_ = 0;
};

// Programs that start from now on are measured; null: none. The caller keeps the profile alive and
// reads it when no Program runs. Costs some 50 ns a step.
void set_profile(Profile* profile);
Profile* current_profile();

// As JSON in the Chrome trace event format, which Perfetto and chrome://tracing show.
std::string chrome_trace(const Profile& profile);

}  // namespace tarn
