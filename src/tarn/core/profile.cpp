#include "tarn/core/profile.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <iterator>

#include "tarn/core/program.h"

namespace tarn {
namespace {

std::atomic<Profile*> current{nullptr};

int64_t nanoseconds() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

std::string shapes_of(const Step& step) {
  std::string text;
  for (const Operand& operand : step.in) {
    text += to_string(operand.shape());
    text += ' ';
  }
  text += "->";
  for (const Operand& operand : step.out) {
    text += ' ';
    text += to_string(operand.shape());
  }
  return text;
}

}  // namespace

Profile::Profile() : start_(nanoseconds()) {}

double Profile::now() const { return static_cast<double>(nanoseconds() - start_) * 1e-9; }

uint32_t Profile::kind_of(const Step& step) {
  Kind kind;
  kind.name = step.map ? fmt::format("map ({} operations): ... {}", step.map->operations(),
                                     step.node->op->name)
                       : std::string(step.node->op->name);
  kind.shapes = shapes_of(step);
  const auto [at, is_new] =
      index_.try_emplace(kind.name + kind.shapes, static_cast<uint32_t>(kinds_.size()));
  if (is_new) {
    kind.bytes = step.cost;
    kinds_.push_back(std::move(kind));
  }
  return at->second;
}

void Profile::add(const std::vector<Step>& steps, const std::vector<StepTime>& times, int members) {
  const std::lock_guard lock(mutex_);
  const auto count = static_cast<size_t>(members);
  double last = 0;
  double first = times.empty() ? 0 : times[0].ready;
  for (size_t s = 0; s < steps.size(); ++s) {
    const uint32_t index = kind_of(steps[s]);
    Kind& kind = kinds_[index];
    ++kind.count;
    double begin = 0;
    double end = 0;
    double waited = 0;
    bool any = false;
    for (size_t m = 0; m < count; ++m) {
      const StepTime& time = times[s * count + m];
      if (time.begin == 0) continue;  // a member that took no part in this Program
      first = std::min(first, time.ready);
      waited += time.begin - time.ready;
      if (time.end == 0) continue;  // or in this step
      begin = any ? std::min(begin, time.begin) : time.begin;
      end = std::max(end, time.end);
      any = true;
      if (spans_.size() < max_spans) {
        spans_.push_back({index, static_cast<int32_t>(m), time.begin, time.end - time.begin});
      } else {
        truncated_ = true;
      }
    }
    kind.seconds += end - begin;
    kind.waiting += waited;
    last = std::max(last, end);
  }
  seconds_ += std::max(0.0, last - first);
}

void set_profile(Profile* profile) { current.store(profile, std::memory_order_release); }
Profile* current_profile() { return current.load(std::memory_order_acquire); }

std::string chrome_trace(const Profile& profile) {
  fmt::memory_buffer out;
  auto to = std::back_inserter(out);
  fmt::format_to(to, "{{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n");
  int members = 0;
  for (const Profile::Span& span : profile.spans()) members = std::max(members, span.member + 1);
  for (int m = 0; m < members; ++m) {
    fmt::format_to(to,
                   "{{\"ph\":\"M\",\"name\":\"thread_name\",\"pid\":1,\"tid\":{0},\"args\":"
                   "{{\"name\":\"member {0}\"}}}},\n",
                   m);
  }
  for (const Profile::Span& span : profile.spans()) {
    const Profile::Kind& kind = profile.kinds()[span.kind];
    fmt::format_to(
        to,
        "{{\"ph\":\"X\",\"name\":\"{}\",\"pid\":1,\"tid\":{},\"ts\":{:.3f},\"dur\":{:.3f},"
        "\"args\":{{\"shapes\":\"{}\",\"bytes\":{}}}}},\n",
        kind.name, span.member, span.begin * 1e6, span.seconds * 1e6, kind.shapes, kind.bytes);
  }
  fmt::format_to(to,
                 "{{\"ph\":\"M\",\"name\":\"process_name\",\"pid\":1,\"tid\":0,\"args\":{{\"name\":"
                 "\"tarn\"}}}}\n]}}\n");
  return fmt::to_string(out);
}

}  // namespace tarn
