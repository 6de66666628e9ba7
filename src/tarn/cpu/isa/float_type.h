// The element types in which the float kernels take weights and caches. Arithmetic and accumulation
// are float whatever the storage.
#pragma once

#include <cstddef>
#include <cstdint>

#include "tarn/base/half.h"

namespace tarn::cpu {

enum class FloatType : uint8_t { f32, f16, bf16 };

constexpr size_t element_size(FloatType type) { return type == FloatType::f32 ? 4 : 2; }

}  // namespace tarn::cpu
