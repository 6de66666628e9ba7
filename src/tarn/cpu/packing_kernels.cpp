#include <algorithm>

#include "tarn/cpu/kernels.h"
#include "tarn/ops/quantized_attributes.h"

namespace tarn::cpu {
namespace {

// About as much as a core's second cache holds, source and result together.
constexpr size_t claim_bytes = size_t{256} << 10;

// Members claim panels as they go: page faults, which dominate, cost one member more than another.
void pack_panel_range(const KernelArgs& args) {
  const auto& a = args.attributes<PanelRangeAttributes>();
  const auto rows = static_cast<size_t>(a.rows);
  const auto columns = static_cast<size_t>(a.columns);
  const size_t stride = std::max<size_t>(1, quant::panel_stride(a.format, columns));
  const auto claim = std::max<int64_t>(1, static_cast<int64_t>(claim_bytes / stride));
  while (true) {
    const int64_t first = a.first + args.state.next.fetch_add(claim, std::memory_order_relaxed);
    if (first >= a.last) break;
    quant::pack_affine(a.format, rows, columns, args.in[0].as<uint32_t>(), args.in[1].data,
                       args.in[2].data, args.in[3].data, static_cast<size_t>(first),
                       static_cast<size_t>(std::min(first + claim, a.last)));
  }
}

constexpr NamedKernel table[] = {
    {"pack_panel_range", {.run = pack_panel_range}},
};

}  // namespace

KernelTable packing_kernels() { return table; }

}  // namespace tarn::cpu
