#include "tarn/server/governor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cmath>
#include <fstream>

#include "tests/server/pebble_server.h"

namespace tarn::testing {
namespace {

using server::governed_limit;
using server::Governor;
using server::GovernorOptions;
using server::Reading;
using server::Sensors;
using ::testing::HasSubstr;

namespace fs = std::filesystem;

// A tree of files as /sys has them.
class FakeSys {
 public:
  FakeSys() {
    std::string name = (fs::temp_directory_path() / "tarn-sys-XXXXXX").string();
    root_ = ::mkdtemp(name.data());
  }
  ~FakeSys() { fs::remove_all(root_); }

  // Replaced at once, as a sensor's value is: a reader never sees half of it.
  void write(const std::string& path, const std::string& text) const {
    fs::create_directories((root_ / path).parent_path());
    const fs::path made = root_ / "new";
    std::ofstream(made, std::ios::binary) << text;
    fs::rename(made, root_ / path);
  }
  void zone(double degrees, double limit = 90) const {
    write("class/thermal/thermal_zone0/type", "x86_pkg_temp\n");
    write("class/thermal/thermal_zone0/trip_point_0_type", "passive\n");
    write("class/thermal/thermal_zone0/trip_point_0_temp", fmt::format("{:.0f}\n", limit * 1000));
    write("class/thermal/thermal_zone0/temp", fmt::format("{:.0f}\n", degrees * 1000));
  }
  GovernorOptions options() const {
    GovernorOptions options;
    options.root = root_;
    options.period = 10ms;
    return options;
  }
  const fs::path& root() const { return root_; }

 private:
  fs::path root_;
};

TEST(Sensors, ReadThermalZonesWithTheirTripPoints) {
  const FakeSys sys;
  sys.zone(75, 90);
  sys.write("class/thermal/thermal_zone0/trip_point_1_type", "critical\n");
  sys.write("class/thermal/thermal_zone0/trip_point_1_temp", "105000\n");
  sys.write("class/thermal/thermal_zone0/trip_point_2_type", "active\n");
  sys.write("class/thermal/thermal_zone0/trip_point_2_temp", "50000\n");
  const std::vector<Reading> readings = Sensors(sys.options()).read();
  ASSERT_EQ(readings.size(), 1U);
  EXPECT_EQ(readings[0].sensor, "thermal_zone0 (x86_pkg_temp)");
  EXPECT_DOUBLE_EQ(readings[0].value, 75);
  EXPECT_DOUBLE_EQ(readings[0].limit, 90);
  EXPECT_DOUBLE_EQ(readings[0].pressure, 0);
}

TEST(Sensors, ReadHwmonChips) {
  const FakeSys sys;
  sys.write("class/hwmon/hwmon3/name", "coretemp\n");
  sys.write("class/hwmon/hwmon3/temp1_input", "80000\n");
  sys.write("class/hwmon/hwmon3/temp1_max", "80000\n");
  sys.write("class/hwmon/hwmon3/temp2_input", "50000\n");
  const std::vector<Reading> readings = Sensors(sys.options()).read();
  ASSERT_EQ(readings.size(), 2U);
  EXPECT_EQ(readings[0].sensor, "coretemp temp1");
  EXPECT_DOUBLE_EQ(readings[0].pressure, 1);
  EXPECT_DOUBLE_EQ(readings[1].limit, 95);
}

TEST(Sensors, ReadPowerFromTheSecondReadingOn) {
  const FakeSys sys;
  const std::string zone = "class/powercap/intel-rapl:0/";
  sys.write(zone + "name", "package-0\n");
  sys.write(zone + "constraint_0_power_limit_uw", "10000000\n");
  sys.write(zone + "energy_uj", "1000000\n");
  Sensors sensors(sys.options());
  EXPECT_TRUE(sensors.read().empty());
  std::this_thread::sleep_for(20ms);
  sys.write(zone + "energy_uj", "901000000\n");  // 900 J in less than a minute and a half
  const std::vector<Reading> readings = sensors.read();
  ASSERT_EQ(readings.size(), 1U);
  EXPECT_EQ(readings[0].sensor, "package-0 power");
  EXPECT_DOUBLE_EQ(readings[0].limit, 10);
  EXPECT_GT(readings[0].pressure, 0);
  sys.write(zone + "energy_uj", "5\n");  // the counter has begun anew
  EXPECT_TRUE(sensors.read().empty());
}

TEST(Sensors, LeaveOutWhatIsBroken) {
  const FakeSys sys;
  sys.zone(75);
  const std::string temp = "class/thermal/thermal_zone0/temp";
  for (const std::string& text :
       {std::string(), std::string("\n"), std::string("hot"), std::string("nan"),
        std::string("inf"), std::string("1e999"), std::string("75000 and more"),
        std::string("999999999"), std::string("-274000"), std::string("0x7f"),
        std::string("\0\0\0\0", 4), std::string(1 << 20, '9')}) {
    sys.write(temp, text);
    EXPECT_TRUE(Sensors(sys.options()).read().empty()) << text.substr(0, 20);
  }
  fs::remove(sys.root() / temp);
  EXPECT_TRUE(Sensors(sys.options()).read().empty());
  fs::create_directory(sys.root() / temp);
  EXPECT_TRUE(Sensors(sys.options()).read().empty());
  fs::remove(sys.root() / temp);
  ASSERT_EQ(::mkfifo((sys.root() / temp).c_str(), 0600), 0);
  EXPECT_TRUE(Sensors(sys.options()).read().empty());
  fs::remove(sys.root() / temp);
  fs::create_symlink("temp", sys.root() / temp);
  EXPECT_TRUE(Sensors(sys.options()).read().empty());
}

TEST(Sensors, TripPointsThatCannotBeAreNone) {
  const FakeSys sys;
  for (const double limit : {-1.0, 0.0, 30.0, 1000.0}) {
    sys.zone(60, limit);
    const std::vector<Reading> readings = Sensors(sys.options()).read();
    ASSERT_EQ(readings.size(), 1U);
    EXPECT_DOUBLE_EQ(readings[0].limit, 95) << limit;
  }
}

TEST(Sensors, ATreeThatIsNotThereHasNone) {
  GovernorOptions options;
  options.root = "/nonexistent";
  EXPECT_TRUE(Sensors(options).read().empty());
}

TEST(GovernedLimit, FallsAtOnceAndRisesByOne) {
  EXPECT_EQ(governed_limit(0, 8, 8), 8);
  EXPECT_EQ(governed_limit(0.5, 8, 8), 4);
  EXPECT_EQ(governed_limit(0.99, 8, 8), 1);
  EXPECT_EQ(governed_limit(1, 8, 8), 0);
  EXPECT_EQ(governed_limit(5, 8, 4), 0);
  EXPECT_EQ(governed_limit(0, 8, 0), 1);
  EXPECT_EQ(governed_limit(0, 8, 7), 8);
  EXPECT_EQ(governed_limit(-3, 8, 8), 8);
  for (double pressure = 0, before = 8; pressure < 1.2; pressure += 0.01) {
    const auto limit = static_cast<double>(governed_limit(pressure, 8, 8));
    EXPECT_LE(limit, before);
    before = limit;
  }
}

TEST(GovernorLoop, FollowsTheTemperature) {
  const FakeSys sys;
  sys.zone(60);
  std::mutex mutex;
  std::vector<int64_t> limits;
  const Governor governor(sys.options(), 4, [&](int64_t limit) {
    const std::lock_guard lock(mutex);
    limits.push_back(limit);
  });
  const auto reaches = [&](int64_t limit) {
    return PebbleServer::soon([&] { return governor.state().limit == limit; });
  };
  EXPECT_TRUE(reaches(4));
  sys.zone(82.5);
  EXPECT_TRUE(reaches(2));
  sys.zone(91);
  EXPECT_TRUE(reaches(0));
  EXPECT_TRUE(governor.state().stopped);
  sys.zone(60);
  EXPECT_TRUE(reaches(4));
  const std::lock_guard lock(mutex);
  EXPECT_EQ(limits, (std::vector<int64_t>{2, 0, 1, 2, 3, 4}));
}

TEST(GovernorLoop, ATooHotMachineRefusesNewWorkAndComesBack) {
  const FakeSys sys;
  sys.zone(95);
  const PebbleServer server([&](auto& o) { o.governor = sys.options(); });
  const std::string body = PebbleServer::completion(2, false);
  const auto answered = [&](int status) {
    return PebbleServer::soon(
        [&] { return server.post("/v1/completions", body).status == status; });
  };
  EXPECT_EQ(server.post("/v1/completions", body).status, 503) << "from the first request on";
  const RawResponse refused = server.post("/v1/completions", body);
  EXPECT_GE(std::atoi(refused.header("Retry-After").c_str()), 1);
  EXPECT_THAT(refused.body, HasSubstr("too hot"));
  EXPECT_EQ(server.get("/health").status, 200);
  EXPECT_EQ(server.get("/ready").status, 503);
  EXPECT_THAT(server.get("/metrics").body, HasSubstr("tarn_governor_limit 0\n"));
  sys.zone(50);
  EXPECT_TRUE(answered(200));
  EXPECT_EQ(server.get("/ready").status, 200);
}

}  // namespace
}  // namespace tarn::testing
