#include <algorithm>
#include <span>
#include <vector>

#include "tarn/cpu/kernels.h"
#include "tarn/ops/coded_attributes.h"

namespace tarn::cpu {
namespace {

// About as much as a core's second cache holds, source and result together.
constexpr size_t claim_bytes = size_t{256} << 10;

std::vector<const std::byte*> part_pointers(const KernelArgs& args, size_t count) {
  std::vector<const std::byte*> parts;
  for (size_t i = 0; i < count; ++i) parts.push_back(args.in[i].data);
  return parts;
}

// Members claim panels as they go: page faults, which dominate, cost one member more than another.
void pack(const KernelArgs& args, const PanelRangeAttributes& a, size_t part_count,
          std::byte* panels) {
  const auto columns = static_cast<size_t>(a.columns);
  const size_t stride = std::max<size_t>(1, quant::panel_stride(a.codec->panel_format(), columns));
  const auto claim = std::max<int64_t>(1, static_cast<int64_t>(claim_bytes / stride));
  const std::vector<const std::byte*> parts = part_pointers(args, part_count);
  while (true) {
    const int64_t first = a.first + args.state.next.fetch_add(claim, std::memory_order_relaxed);
    if (first >= a.last) break;
    a.codec->pack(static_cast<size_t>(a.rows), columns, parts, panels, static_cast<size_t>(first),
                  static_cast<size_t>(std::min(first + claim, a.last)));
  }
}

void pack_panels(const KernelArgs& args) {
  const auto& a = args.attributes<CodedAttributes>();
  const auto panels = static_cast<int64_t>(quant::panel_count(static_cast<size_t>(a.rows)));
  pack(args, {a.codec, a.rows, a.columns, 0, panels}, args.in.size(), args.out[0].data);
}

void pack_panel_range(const KernelArgs& args) {
  const size_t part_count = args.in.size() - 1;
  pack(args, args.attributes<PanelRangeAttributes>(), part_count, args.in[part_count].data);
}

// Rows are claimed piece by piece: one may take longer than another to make.
template <typename F>
void claim_rows(const KernelArgs& args, const CodedAttributes& a, F&& f) {
  const size_t piece = a.codec->piece_rows();
  const int64_t step = piece == 0 ? std::max<int64_t>(1, a.rows) : static_cast<int64_t>(piece);
  while (true) {
    const int64_t first = args.state.next.fetch_add(step, std::memory_order_relaxed);
    if (first >= a.rows) break;
    f(static_cast<size_t>(first), static_cast<size_t>(std::min(first + step, a.rows)));
  }
}

void encode(const KernelArgs& args) {
  const auto& a = args.attributes<CodedAttributes>();
  const auto rows = static_cast<size_t>(a.rows);
  const auto columns = static_cast<size_t>(a.columns);
  std::vector<std::byte*> parts;
  for (const Operand& out : args.out) parts.push_back(out.data);
  const float* importance = a.weighted ? args.in[1].as<float>() : nullptr;
  claim_rows(args, a, [&](size_t first, size_t last) {
    a.codec->encode(rows, columns, args.in[0].as<float>() + first * columns, importance, first,
                    last, parts);
  });
}

// Searching for codes takes far longer than reading the weights.
int64_t encode_cost(const StepShape& shape) { return shape.in[0].nbytes() * 16; }

void decode(const KernelArgs& args) {
  const auto& a = args.attributes<CodedAttributes>();
  const auto rows = static_cast<size_t>(a.rows);
  const auto columns = static_cast<size_t>(a.columns);
  const std::vector<const std::byte*> parts = part_pointers(args, args.in.size());
  claim_rows(args, a, [&](size_t first, size_t last) {
    a.codec->decode(rows, columns, parts, first, last, args.out[0].as<float>() + first * columns);
  });
}

constexpr NamedKernel table[] = {
    {"pack_panels", {.run = pack_panels}},
    {"pack_panel_range", {.run = pack_panel_range}},
    {"encode", {.run = encode, .cost = encode_cost}},
    {"decode", {.run = decode}},
};

}  // namespace

KernelTable packing_kernels() { return table; }

}  // namespace tarn::cpu
