// Counters of the server, and their text for Prometheus.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <utility>

namespace tarn::server {

// Times in seconds, counted in buckets.
class Histogram {
 public:
  static constexpr std::array bounds{0.005, 0.01, 0.025, 0.05, 0.1,  0.25, 0.5,
                                     1.0,   2.5,  5.0,   10.0, 30.0, 60.0, 300.0};
  void add(double seconds);
  // `name` with its buckets, sum and count.
  std::string text(const std::string& name, const std::string& help) const;

 private:
  mutable std::mutex mutex_;
  std::array<uint64_t, bounds.size() + 1> counts_{};
  double sum_ = 0;
};

class Metrics {
 public:
  // One answered request: its route ("/v1/chat/completions") and status.
  void count_request(const std::string& route, int status);
  Histogram first_token;   // from the request to its first token
  Histogram request_time;  // from the request to its end

  // In the text format of Prometheus, of what is counted here.
  std::string text() const;

 private:
  mutable std::mutex mutex_;
  std::map<std::pair<std::string, int>, uint64_t> requests_;
};

// "# HELP ...", "# TYPE ..." and one value.
std::string metric(const std::string& name, const char* type, const std::string& help,
                   double value);

}  // namespace tarn::server
