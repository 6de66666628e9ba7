#include "tarn/cli/bench_report.h"

#include <fmt/format.h>

#include "tarn/base/json.h"
#include "tarn/cli/speed_line.h"

namespace tarn::cli {
namespace {

std::string parameters(int64_t count) {
  const auto value = static_cast<double>(count);
  return value < 999.5e6 ? fmt::format("{:.1f} M", value / 1e6)
                         : fmt::format("{:.2f} B", value / 1e9);
}

const Spread& rate(const BenchRow& row) {
  return row.prefill ? row.prefill->rate : row.decode->rate;
}

double percent_of_limit(const DecodeResult& decode) { return 100 * decode.part_of_limit.median; }

// Everything beside the kernels, as a part of a token's time.
double overhead_percent(const DecodeResult& decode) {
  return 100 * decode.graph_seconds * decode.rate.median;
}

json spread_json(const Spread& spread) {
  return {{"median", spread.median}, {"min", spread.least}, {"max", spread.most}};
}

}  // namespace

double bytes_per_second(const DecodeResult& decode) {
  return (decode.weight_bytes + decode.cache_bytes) * decode.rate.median;
}

std::string markdown(const BenchReport& report) {
  std::string out =
      "| model | format | size | params | unit | threads | test | t/s | min - max | predicted | "
      "GB/s | % of "
      "limit "
      "|\n| --- | --- | ---: | ---: | --- | ---: | --- | ---: | ---: | ---: | ---: | ---: |\n";
  for (const BenchRow& row : report.rows) {
    const std::string speed =
        row.decode ? fmt::format("{:.1f} | {:.0f}", bytes_per_second(*row.decode) / 1e9,
                                 percent_of_limit(*row.decode))
                   : " | ";
    out += fmt::format(
        "| {} | {} | {} | {} | {} {} | {} | {} | {:.2f} | {:.1f} - {:.1f} | {:.1f} | {} |\n",
        report.model, report.size.format,
        human_bytes(static_cast<uint64_t>(report.size.weight_bytes)),
        parameters(report.size.parameters), report.unit, report.isa, report.threads, row.test,
        rate(row).median, rate(row).least, rate(row).most, row.predicted, speed);
  }
  out += "\n";
  for (const BenchRow& row : report.rows) {
    if (row.prefill) {
      const Spread& ms = row.prefill->first_token;
      out += fmt::format("{}: time to first token {:.1f} ms ({:.1f} - {:.1f})\n", row.test,
                         ms.median * 1e3, ms.least * 1e3, ms.most * 1e3);
    }
    if (row.decode) {
      const DecodeResult& d = *row.decode;
      out += fmt::format(
          "{}: moves {} a token ({} weights, {} cache); beside the kernels {:.0f} us a token "
          "({:.1f} %), of it {:.0f} us planning; {:.0f} steps, {:.0f} barriers\n",
          row.test, human_bytes(static_cast<uint64_t>(d.weight_bytes + d.cache_bytes)),
          human_bytes(static_cast<uint64_t>(d.weight_bytes)),
          human_bytes(static_cast<uint64_t>(d.cache_bytes)), d.graph_seconds * 1e6,
          overhead_percent(d), d.program.build_seconds * 1e6, d.program.steps, d.program.barriers);
      out += fmt::format(
          "{}: {:.0f} to {:.0f} % of the bandwidth around each run, {:.1f} to {:.1f} GB/s\n",
          row.test, 100 * d.part_of_limit.least, 100 * d.part_of_limit.most,
          d.bandwidth.least / 1e9, d.bandwidth.most / 1e9);
    }
  }
  out += fmt::format(
      "limit: {:.1f} GB/s, read by {} threads in this run (before {:.1f}, after {:.1f})\n",
      report.bandwidth / 1e9, report.threads, report.bandwidth_before / 1e9,
      report.bandwidth_after / 1e9);
  out += fmt::format("memory: pool {} at most, weights copied {}",
                     human_bytes(report.peak_pool_bytes), human_bytes(report.copied_bytes));
  if (report.peak_resident_bytes) {
    out += fmt::format(", resident {} at most", human_bytes(*report.peak_resident_bytes));
  }
  return out + fmt::format("; loaded in {:.2f} s\n", report.load_seconds);
}

std::string csv(const BenchReport& report) {
  std::string out =
      "model,format,size_bytes,parameters,unit,isa,threads,repeats,test,tokens_per_second,min,max,"
      "predicted,"
      "first_token_seconds,bytes_per_token,bytes_per_second,bandwidth,percent_of_limit,"
      "overhead_seconds,plan_seconds,steps,barriers,peak_pool_bytes,peak_resident_bytes\n";
  const auto quoted = [](const std::string& text) {
    std::string result = "\"";
    for (const char c : text) result += c == '"' ? std::string("\"\"") : std::string(1, c);
    return result + "\"";
  };
  for (const BenchRow& row : report.rows) {
    out += fmt::format("{},{},{},{},{},{},{},{},{},{},{},{},{},", quoted(report.model),
                       quoted(report.size.format), report.size.weight_bytes, report.size.parameters,
                       report.unit, report.isa, report.threads, report.repeats, quoted(row.test),
                       rate(row).median, rate(row).least, rate(row).most, row.predicted);
    out += row.prefill ? fmt::format("{},", row.prefill->first_token.median) : ",";
    if (row.decode) {
      const DecodeResult& d = *row.decode;
      out +=
          fmt::format("{},{},{},{},{},{},{},{},", d.weight_bytes + d.cache_bytes,
                      bytes_per_second(d), report.bandwidth, percent_of_limit(d), d.graph_seconds,
                      d.program.build_seconds, d.program.steps, d.program.barriers);
    } else {
      out += ",,,,,,,,";
    }
    out += fmt::format("{},{}\n", report.peak_pool_bytes, report.peak_resident_bytes.value_or(0));
  }
  return out;
}

std::string json_text(const BenchReport& report) {
  json tests = json::array();
  for (const BenchRow& row : report.rows) {
    json test{{"test", row.test}, {"tokens_per_second", spread_json(rate(row))}};
    test["predicted_tokens_per_second"] = row.predicted;
    if (row.prefill) test["first_token_seconds"] = spread_json(row.prefill->first_token);
    if (row.decode) {
      const DecodeResult& d = *row.decode;
      test["bytes_per_token"] = {{"weights", d.weight_bytes}, {"cache", d.cache_bytes}};
      test["bytes_per_second"] = bytes_per_second(d);
      test["percent_of_limit"] = percent_of_limit(d);
      test["overhead"] = {{"seconds_per_token", d.graph_seconds},
                          {"plan_seconds_per_token", d.program.build_seconds},
                          {"percent", overhead_percent(d)},
                          {"steps", d.program.steps},
                          {"barriers", d.program.barriers}};
    }
    tests.push_back(test);
  }
  json out{{"model", report.model},
           {"format", report.size.format},
           {"size_bytes", report.size.weight_bytes},
           {"parameters", report.size.parameters},
           {"unit", report.unit},
           {"isa", report.isa},
           {"threads", report.threads},
           {"repeats", report.repeats},
           {"load_seconds", report.load_seconds},
           {"bandwidth",
            {{"limit", report.bandwidth},
             {"before", report.bandwidth_before},
             {"after", report.bandwidth_after}}},
           {"multiply_adds_per_second",
            {{"int8", report.int8_peak}, {"f32", report.f32_peak}, {"bf16", report.bf16_peak}}},
           {"memory",
            {{"peak_pool_bytes", report.peak_pool_bytes}, {"copied_bytes", report.copied_bytes}}},
           {"tests", tests}};
  if (report.peak_resident_bytes) {
    out["memory"]["peak_resident_bytes"] = *report.peak_resident_bytes;
  }
  return out.dump(2) + "\n";
}

}  // namespace tarn::cli
