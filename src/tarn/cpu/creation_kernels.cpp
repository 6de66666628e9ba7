#include <type_traits>

#include "tarn/cpu/kernels.h"
#include "tarn/cpu/maps.h"
#include "tarn/ops/creation_attributes.h"

namespace tarn::cpu {
namespace {

void arange(const KernelArgs& args) {
  const auto& attributes = args.attributes<ArangeAttributes>();
  const Operand& out = args.out[0];
  const Share::Range range = args.share.of(out.size(), 16);
  dispatch(out.dtype, [&](auto zero) {
    using T = decltype(zero);
    T* values = out.as<T>();
    for (int64_t i = range.begin; i < range.end; ++i) {
      const double value = attributes.start + static_cast<double>(i) * attributes.step;
      if constexpr (std::is_same_v<T, bool>) {
        values[i] = value != 0;
      } else if constexpr (std::is_integral_v<T>) {
        values[i] = static_cast<T>(static_cast<int64_t>(value));
      } else {
        values[i] = Compute<T>::store(static_cast<typename Compute<T>::type>(value));
      }
    }
  });
}

constexpr NamedKernel table[] = {
    {"arange", {.run = arange}},
};

}  // namespace

KernelTable creation_kernels() { return table; }

}  // namespace tarn::cpu
