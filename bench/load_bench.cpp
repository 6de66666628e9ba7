// What passes before a model's first token, part by part.
//
//   load_bench MODEL [rounds]
//
// The first round includes starting the threads and whatever the page cache lacks.
#include <fmt/core.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "tarn/base/error.h"
#include "tarn/base/process_memory.h"
#include "tarn/base/team.h"
#include "tarn/io/checkpoint.h"
#include "tarn/memory/pool.h"
#include "tarn/models/model.h"
#include "tarn/text/tokenizer.h"

namespace {

using namespace tarn;
namespace fs = std::filesystem;

// Milliseconds that `work` takes.
template <typename F>
double timed(F&& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start)
      .count();
}

double megabytes(size_t bytes) { return static_cast<double>(bytes) / 1e6; }

void round(const fs::path& folder) {
  uint64_t file_bytes = 0;
  const double open = timed([&] { file_bytes = Checkpoint::open(folder).total_bytes(); });
  const double team = timed([] { Team::instance().run([](int) {}); });
  double tokenizer = 0;
  if (fs::exists(folder / "tokenizer.json")) {
    tokenizer = timed([&] { text::Tokenizer::from_file(folder); });
  }
  memory::clear_cache();
  const size_t copied = memory::stats().copied;
  reset_peak_resident();
  std::unique_ptr<Model> model;
  const double load = timed([&] { model = load_model(folder); });
  const memory::Stats stats = memory::stats();
  const uint64_t resident = peak_resident_bytes().value_or(0);
  const double first = timed([&] {
    Cache cache = model->make_cache();
    model->forward({1}, cache, LogitsFor::last_token).wait();
  });
  fmt::print(
      "open {:.1f}, threads {:.1f}, tokenizer {:.1f}, load {:.1f}, first token {:.1f} ms; "
      "load {:.3f} s/GB; weights {:.1f} MB, copied {:.1f}, in use {:.1f}, peak resident {:.1f}\n",
      open, team, tokenizer, load, first, load / megabytes(file_bytes),
      megabytes(static_cast<size_t>(model->size().weight_bytes)), megabytes(stats.copied - copied),
      megabytes(stats.active), megabytes(resident));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    fmt::print(stderr, "usage: load_bench MODEL [rounds]\n");
    return 2;
  }
  try {
    const int rounds = argc > 2 ? std::atoi(argv[2]) : 3;
    for (int i = 0; i < rounds; ++i) round(argv[1]);
  } catch (const Error& error) {
    fmt::print(stderr, "load_bench: {}\n", error.what());
    return 1;
  }
  return 0;
}
