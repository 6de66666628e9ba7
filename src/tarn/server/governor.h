// Keeps the machine within its thermal and power limits: the closer it comes, the fewer answers run
// at once; past the ceiling none begin.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace tarn::server {

struct GovernorOptions {
  bool enabled = true;
  std::filesystem::path root = "/sys";  // where thermal zones, hwmon and RAPL are found
  std::chrono::milliseconds period{2000};
  double margin = 15;         // degrees below a limit at which answers begin to be fewer
  double default_limit = 95;  // degrees, of sensors that name none
};

struct Reading {
  std::string sensor;  // "thermal_zone0 (x86_pkg_temp)", "package-0 power"
  double value;        // degrees Celsius or watts
  double limit;
  double pressure;  // 0: below the margin; 1: at the limit
};

struct GovernorState {
  double pressure = 0;  // the largest of the readings
  int64_t limit = 0;    // answers at once
  bool stopped = false;
  std::vector<Reading> readings;
};

// What the sensors below `root` say; power needs two readings, so it begins with the second.
class Sensors {
 public:
  explicit Sensors(const GovernorOptions& options) : options_(options) {}
  std::vector<Reading> read();

 private:
  void read_temperatures(std::vector<Reading>& readings) const;
  void read_hwmon(std::vector<Reading>& readings) const;
  void read_power(std::vector<Reading>& readings);

  struct Energy {
    std::string zone;
    double joules;
    std::chrono::steady_clock::time_point when;
  };
  GovernorOptions options_;
  std::vector<Energy> energies_;
};

// The answers that may run: all below the margin, fewer in steps above it, none from the limit on.
// Falls at once, rises by one step a reading, so that it does not swing.
int64_t governed_limit(double pressure, int64_t most, int64_t now);

class Governor {
 public:
  // Reads once, then again and again in a thread of its own, and calls `apply` when the limit
  // changes.
  Governor(const GovernorOptions& options, int64_t most, std::function<void(int64_t)> apply);
  ~Governor();
  GovernorState state() const;

 private:
  class Loop;
  std::unique_ptr<Loop> loop_;
};

}  // namespace tarn::server
