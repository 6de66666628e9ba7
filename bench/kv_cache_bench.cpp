// Filling the cache of a long context: 6 attention layers with 2 KV heads of 256 take 262,144
// tokens in chunks of 512, with and without the length announced. "GB" is what the filled cache
// takes, "peak GB" the most that the pool held on the way.
#include <benchmark/benchmark.h>

#include "tarn/memory/pool.h"
#include "tarn/models/cache.h"
#include "tarn/ops/creation.h"

namespace tarn {
namespace {

void fill_cache(benchmark::State& state) {
  constexpr int64_t length = 262144, chunk = 512;
  const auto type = static_cast<KvType>(state.range(0));
  const array x = full({1, 2, chunk, 256}, array(1.5F));
  eval({x});
  for (auto _ : state) {
    memory::reset_peak();
    Cache cache(std::vector<LayerCache>(6, KvCache(0, type)));
    if (state.range(1) != 0) cache.expect(length);
    while (cache.position() < length) {
      const array first(static_cast<int>(cache.position()));
      std::vector<array> written;
      for (size_t i = 0; i < cache.layers().size(); ++i) {
        const KeysAndValues all = cache.kv(i).append(x, x, first);
        written.push_back(all.keys);
        written.push_back(all.values);
      }
      cache.advance(chunk);
      eval(written);
    }
    state.counters["GB"] = static_cast<double>(cache.nbytes()) * 1e-9;
    state.counters["peak GB"] = static_cast<double>(memory::stats().peak) * 1e-9;
  }
  state.counters["tokens/s"] =
      benchmark::Counter(length, benchmark::Counter::kIsIterationInvariantRate);
}
BENCHMARK(fill_cache)
    ->ArgNames({"kv", "announced"})
    ->ArgsProduct({{1, 2, 3}, {0, 1}})
    ->Iterations(1)
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace tarn

BENCHMARK_MAIN();
