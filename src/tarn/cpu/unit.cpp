#include <unordered_map>

#include "tarn/cpu/kernels.h"
#include "tarn/cpu/maps.h"

namespace tarn {
namespace {

class CpuUnit final : public Unit {
 public:
  CpuUnit() {
    for (const cpu::KernelTable table :
         {cpu::shape_kernels(), cpu::creation_kernels(), cpu::reduce_kernels(),
          cpu::softmax_kernels(), cpu::matmul_op_kernels(), cpu::linear_kernels(),
          cpu::index_kernels(), cpu::sort_kernels(), cpu::scan_kernels(), cpu::random_kernels(),
          cpu::norm_op_kernels(), cpu::embedding_kernels(), cpu::quantized_kernels(),
          cpu::packing_kernels(), cpu::rope_op_kernels(), cpu::attention_op_kernels(),
          cpu::kv_cache_kernels(), cpu::recurrent_kernels()}) {
      for (const cpu::NamedKernel& entry : table) kernels_.emplace(entry.op, entry.kernel);
    }
  }

  std::string_view name() const override { return "cpu"; }

  Kernel find(const Op& op) const override {
    const auto found = kernels_.find(op.name);
    return found == kernels_.end() ? Kernel{} : found->second;
  }

  MapFunction find_map(const Op& op, std::span<const Dtype> in, Dtype out) const override {
    const std::string_view op_name = op.name;
    if (op_name == "copy") return cpu::find_copy_map(out);
    if (op_name == "astype") return cpu::find_cast_map(in[0], out);
    if (in.size() == 1) return cpu::find_unary_map(op_name, in[0], out);
    if (in.size() == 2) return cpu::find_binary_map(op_name, in[0], out);
    return op_name == "where" ? cpu::find_where_map(out) : nullptr;
  }

 private:
  std::unordered_map<std::string_view, Kernel> kernels_;
};

}  // namespace

const Unit& default_unit() {
  static const CpuUnit unit;
  return unit;
}

}  // namespace tarn
