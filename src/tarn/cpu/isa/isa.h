// Which instruction set the hot kernels use. Detected once; a command line option or a test may
// force a lower one. Each kernel family has a table of function pointers for every level it covers,
// e.g.
//   const MatmulKernels& kernels = matmul_kernels(current_isa());
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tarn::cpu {

// Levels of one architecture stand in the order of preference, portable below them all. A family
// without kernels for a level uses the next lower one of the same architecture.
enum class Isa {
  portable,      // plain C++: the specification
  avx2,          // x86-64-v3: AVX2, FMA, F16C
  avx512,        // AVX-512 F, BW, DQ, VL, VNNI, VBMI
  avx512bf16,    // the same with AVX512-BF16
  neon,          // any AArch64
  neon_dotprod,  // with signed 8-bit dot products (Armv8.2 DotProd)
  neon_i8mm,     // and mixed-sign ones (Armv8.6 I8MM)
};

Isa best_isa();         // what this processor has
Isa current_isa();      // best_isa() unless set
void set_isa(Isa isa);  // error when the processor lacks it; not while kernels run
std::string_view name(Isa isa);
Isa parse_isa(std::string_view name);  // any architecture's level
std::vector<Isa> available_isas();     // every level this processor can run, lowest first
std::string isa_names();  // the levels of this architecture, lowest first: "portable, avx2, ..."

}  // namespace tarn::cpu
