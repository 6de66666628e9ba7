// The CPU's kernels by operation name. Each family has a file of its own that implements the
// kernels and exports them as a table; unit.cpp joins the tables.
#pragma once

#include <span>
#include <string_view>

#include "tarn/core/unit.h"

namespace tarn::cpu {

struct NamedKernel {
  std::string_view op;
  Kernel kernel;
};
using KernelTable = std::span<const NamedKernel>;

KernelTable shape_kernels();
KernelTable creation_kernels();
KernelTable reduce_kernels();
KernelTable softmax_kernels();
KernelTable matmul_op_kernels();
KernelTable linear_kernels();
KernelTable index_kernels();
KernelTable sort_kernels();
KernelTable scan_kernels();
KernelTable random_kernels();
KernelTable norm_op_kernels();
KernelTable embedding_kernels();
KernelTable quantized_kernels();
KernelTable packing_kernels();
KernelTable rope_op_kernels();
KernelTable attention_op_kernels();
KernelTable kv_cache_kernels();
KernelTable recurrent_kernels();

}  // namespace tarn::cpu
