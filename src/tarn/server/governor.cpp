#include "tarn/server/governor.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <condition_variable>
#include <fstream>
#include <mutex>
#include <thread>

#include "tarn/base/clock.h"
#include "tarn/base/log.h"

namespace tarn::server {
namespace {

namespace fs = std::filesystem;

constexpr size_t longest_value = 64;
constexpr size_t most_entries = 512;

// The first line of a sensor's file, without what is longer than any of theirs. Empty for what is
// no plain file: to open a pipe would wait for its writer.
std::string read_word(const fs::path& path) {
  std::error_code error;
  if (!fs::is_regular_file(path, error)) return {};
  std::ifstream file(path, std::ios::binary);
  std::string word(longest_value, '\0');
  file.read(word.data(), static_cast<std::streamsize>(word.size()));
  word.resize(static_cast<size_t>(file.gcount()));
  return word.substr(0, word.find('\n'));
}

std::optional<double> read_number(const fs::path& path) {
  const std::string word = read_word(path);
  double value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  const bool whole =
      word.find_first_not_of(" \t\r", static_cast<size_t>(end - word.data())) == std::string::npos;
  if (error != std::errc() || !whole || !std::isfinite(value)) return std::nullopt;
  return value;
}

// Of a folder's entries, those whose name begins so, sorted.
std::vector<fs::path> entries(const fs::path& folder, std::string_view prefix) {
  std::vector<fs::path> found;
  std::error_code error;
  for (fs::directory_iterator at(folder, error), end;
       !error && at != end && found.size() < most_entries; at.increment(error)) {
    if (at->path().filename().string().starts_with(prefix)) found.push_back(at->path());
  }
  std::sort(found.begin(), found.end());
  return found;
}

constexpr double milli = 1000;
constexpr double micro = 1e6;
// What a sensor can truly say; others are broken or not connected.
bool is_temperature(double degrees) { return degrees > -40 && degrees < 150; }

}  // namespace

std::vector<Reading> Sensors::read() {
  std::vector<Reading> readings;
  read_temperatures(readings);
  read_hwmon(readings);
  read_power(readings);
  return readings;
}

void Sensors::read_temperatures(std::vector<Reading>& readings) const {
  for (const fs::path& zone : entries(options_.root / "class/thermal", "thermal_zone")) {
    const auto value = read_number(zone / "temp");
    if (!value || !is_temperature(*value / milli)) continue;
    // The lowest point at which the platform itself acts.
    double limit = options_.default_limit;
    for (const fs::path& type : entries(zone, "trip_point_")) {
      const std::string name = type.filename().string();
      if (!name.ends_with("_type")) continue;
      const std::string kind = read_word(type);
      if (kind != "passive" && kind != "hot" && kind != "critical") continue;
      const auto trip = read_number(zone / (name.substr(0, name.size() - 5) + "_temp"));
      if (trip && *trip / milli > 40 && is_temperature(*trip / milli)) {
        limit = std::min(limit, *trip / milli);
      }
    }
    const double degrees = *value / milli;
    readings.push_back({fmt::format("{} ({})", zone.filename().string(), read_word(zone / "type")),
                        degrees, limit, (degrees - limit) / options_.margin + 1});
  }
}

void Sensors::read_hwmon(std::vector<Reading>& readings) const {
  for (const fs::path& chip : entries(options_.root / "class/hwmon", "hwmon")) {
    for (const fs::path& input : entries(chip, "temp")) {
      const std::string name = input.filename().string();
      if (!name.ends_with("_input")) continue;
      const auto value = read_number(input);
      if (!value || !is_temperature(*value / milli)) continue;
      const std::string stem = name.substr(0, name.size() - 6);
      double limit = options_.default_limit;
      for (const char* kind : {"_max", "_crit"}) {
        const auto given = read_number(chip / (stem + kind));
        if (given && *given / milli > 40 && is_temperature(*given / milli)) {
          limit = *given / milli;
          break;
        }
      }
      const double degrees = *value / milli;
      readings.push_back({fmt::format("{} {}", read_word(chip / "name"), stem), degrees, limit,
                          (degrees - limit) / options_.margin + 1});
    }
  }
}

void Sensors::read_power(std::vector<Reading>& readings) {
  const auto now = std::chrono::steady_clock::now();
  std::vector<Energy> energies;
  for (const fs::path& zone : entries(options_.root / "class/powercap", "intel-rapl:")) {
    const auto energy = read_number(zone / "energy_uj");
    const auto limit = read_number(zone / "constraint_0_power_limit_uw");
    if (!energy || !limit || *limit <= 0) continue;
    const std::string name = zone.filename().string();
    energies.push_back({name, *energy / micro, now});
    const auto before = std::find_if(energies_.begin(), energies_.end(),
                                     [&](const Energy& e) { return e.zone == name; });
    if (before == energies_.end() || *energy / micro < before->joules) continue;  // wrapped around
    const double seconds = seconds_between(before->when, now);
    if (seconds <= 0) continue;
    const double watts = (*energy / micro - before->joules) / seconds;
    const double most = *limit / micro;
    // The processor itself holds this limit; only what goes beyond it counts.
    constexpr double band = 0.1;
    readings.push_back({fmt::format("{} power", read_word(zone / "name")), watts, most,
                        (watts / most - 1) / band});
  }
  energies_ = std::move(energies);
}

int64_t governed_limit(double pressure, int64_t most, int64_t now) {
  if (pressure >= 1) return 0;
  const double part = std::clamp(1 - pressure, 0.0, 1.0);
  const auto wanted =
      std::max<int64_t>(1, static_cast<int64_t>(std::ceil(part * static_cast<double>(most))));
  return wanted > now ? now + 1 : wanted;
}

class Governor::Loop {
 public:
  Loop(const GovernorOptions& options, int64_t most, std::function<void(int64_t)> apply)
      : options_(options), most_(most), apply_(std::move(apply)), sensors_(options) {
    state_.limit = most;
    if (!options.enabled) return;
    step();
    thread_ = std::thread([this] { run(); });
  }
  ~Loop() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    stop_.notify_all();
    if (thread_.joinable()) thread_.join();
  }
  GovernorState state() const {
    const std::lock_guard lock(mutex_);
    return state_;
  }

 private:
  void run() {
    std::unique_lock lock(mutex_);
    while (!stop_.wait_for(lock, options_.period, [this] { return stopping_; })) {
      lock.unlock();
      step();
      lock.lock();
    }
  }

  void step() {
    GovernorState next;
    next.readings = sensors_.read();
    const Reading* hottest = nullptr;
    for (const Reading& reading : next.readings) {
      if (hottest == nullptr || reading.pressure > hottest->pressure) hottest = &reading;
    }
    next.pressure = hottest == nullptr ? 0 : std::max(0.0, hottest->pressure);
    const int64_t before = state().limit;
    next.limit = governed_limit(next.pressure, most_, before);
    next.stopped = next.limit == 0;
    {
      const std::lock_guard lock(mutex_);
      state_ = next;
    }
    if (next.limit == before) return;
    apply_(next.limit);
    if (next.limit < before) {
      logging::warn("governor: {} is at {:.1f}, its limit {:.1f}: {} answers at once from now on",
                    hottest->sensor, hottest->value, hottest->limit, next.limit);
    } else {
      logging::info("governor: {} answers at once from now on", next.limit);
    }
  }

  const GovernorOptions options_;
  const int64_t most_;
  const std::function<void(int64_t)> apply_;
  Sensors sensors_;
  mutable std::mutex mutex_;
  std::condition_variable stop_;
  GovernorState state_;
  bool stopping_ = false;
  std::thread thread_;
};

Governor::Governor(const GovernorOptions& options, int64_t most, std::function<void(int64_t)> apply)
    : loop_(std::make_unique<Loop>(options, most, std::move(apply))) {}
Governor::~Governor() = default;
GovernorState Governor::state() const { return loop_->state(); }

}  // namespace tarn::server
