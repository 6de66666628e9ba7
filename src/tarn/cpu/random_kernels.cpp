#include <algorithm>
#include <cstring>

#include "tarn/cpu/kernels.h"
#include "tarn/ops/threefry.h"

namespace tarn::cpu {
namespace {

// One block gives two words: counters run over the first half of the output and over the second,
// and the words go to their counters' places. An odd count has a word in the middle of its own.
void random_bits(const KernelArgs& args) {
  const Operand& out = args.out[0];
  const int64_t bytes = out.nbytes();
  const int64_t words = (bytes + 3) / 4;
  const int64_t half = words / 2;
  const int64_t odd = words % 2;
  const uint32_t* key_words = args.in[0].as<uint32_t>();
  const ThreefryWords key = {key_words[0], key_words[1]};
  const auto store = [&](int64_t at, uint32_t word) {  // the last word may be cut
    std::memcpy(out.data + at * 4, &word,
                static_cast<size_t>(std::min<int64_t>(4, bytes - at * 4)));
  };
  const Share::Range range = args.share.of(half, 16);
  for (int64_t i = range.begin; i < range.end; ++i) {
    const int64_t second = half + odd + i;
    const ThreefryWords block =
        threefry2x32(key, {static_cast<uint32_t>(i), static_cast<uint32_t>(second)});
    store(i, block[0]);
    store(second, block[1]);
  }
  if (odd != 0 && args.share.member == 0) {
    store(half, threefry2x32(key, {static_cast<uint32_t>(half), 0})[0]);
  }
}

// Twenty rounds for eight bytes.
int64_t random_bits_cost(const StepShape& shape) { return shape.out[0].nbytes() * 16; }

constexpr NamedKernel table[] = {
    {"random_bits", {.run = random_bits, .cost = random_bits_cost}},
};

}  // namespace

KernelTable random_kernels() { return table; }

}  // namespace tarn::cpu
