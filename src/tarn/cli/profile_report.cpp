#include "tarn/cli/profile_report.h"

#include <fmt/format.h>

#include <algorithm>

namespace tarn::cli {
namespace {

constexpr size_t most_rows = 24;

std::string row(const std::string& name, const std::string& shapes, const Profile::Kind& sum,
                double total, double bandwidth) {
  const double count = static_cast<double>(std::max<int64_t>(sum.count, 1));
  const double rate = sum.seconds > 0 ? static_cast<double>(sum.bytes) / sum.seconds : 0;
  return fmt::format("| {} | {} | {} | {:.2f} | {:.1f} | {:.1f} | {:.2f} | {:.1f} | {:.0f} |\n",
                     name, shapes, sum.count, sum.seconds / count * 1e6, 100 * sum.seconds / total,
                     100 * sum.waiting / total, static_cast<double>(sum.bytes) / count / 1e6,
                     rate / 1e9, bandwidth > 0 ? 100 * rate / bandwidth : 0);
}

}  // namespace

std::string profile_table(const std::string& test, const Profile& profile, double bandwidth) {
  std::vector<Profile::Kind> kinds = profile.kinds();
  for (Profile::Kind& kind : kinds) kind.bytes *= kind.count;
  std::sort(kinds.begin(), kinds.end(),
            [](const Profile::Kind& a, const Profile::Kind& b) { return a.seconds > b.seconds; });
  const double total = std::max(profile.seconds(), 1e-9);
  std::string out = fmt::format(
      "\n{}: {:.1f} ms in Programs, measured apart from the table above\n"
      "| step | shapes | calls | us each | % of time | % waiting | MB each | GB/s | % of limit |\n"
      "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n",
      test, total * 1e3);
  Profile::Kind rest;
  for (size_t i = 0; i < kinds.size(); ++i) {
    const Profile::Kind& kind = kinds[i];
    if (i < most_rows) {
      out += row(kind.name, kind.shapes, kind, total, bandwidth);
      continue;
    }
    rest.count += kind.count;
    rest.seconds += kind.seconds;
    rest.waiting += kind.waiting;
    rest.bytes += kind.bytes;
  }
  if (rest.count > 0) {
    out += row(fmt::format("{} more kinds", kinds.size() - most_rows), "", rest, total, bandwidth);
  }
  return out;
}

}  // namespace tarn::cli
