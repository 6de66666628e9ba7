#include "tarn/io/storage_type.h"

#include <array>
#include <cstddef>

namespace tarn {
namespace {

struct Facts {
  StorageType type;
  std::string_view name;
  uint8_t bits;
  uint8_t alignment;
  bool supported;
};

// In the order of the enumeration.
constexpr std::array facts{
    Facts{StorageType::f64, "F64", 64, 8, true},
    Facts{StorageType::f32, "F32", 32, 4, true},
    Facts{StorageType::f16, "F16", 16, 2, true},
    Facts{StorageType::bf16, "BF16", 16, 2, true},
    Facts{StorageType::i64, "I64", 64, 8, true},
    Facts{StorageType::i32, "I32", 32, 4, true},
    Facts{StorageType::i16, "I16", 16, 2, true},
    Facts{StorageType::i8, "I8", 8, 1, true},
    Facts{StorageType::u64, "U64", 64, 8, true},
    Facts{StorageType::u32, "U32", 32, 4, true},
    Facts{StorageType::u16, "U16", 16, 2, true},
    Facts{StorageType::u8, "U8", 8, 1, true},
    Facts{StorageType::boolean, "BOOL", 8, 1, true},
    Facts{StorageType::c64, "C64", 64, 4, true},
    Facts{StorageType::f8_e4m3, "F8_E4M3", 8, 1, true},
    Facts{StorageType::f8_e5m2, "F8_E5M2", 8, 1, false},
    Facts{StorageType::f8_e8m0, "F8_E8M0", 8, 1, false},
    Facts{StorageType::f6_e2m3, "F6_E2M3", 6, 1, false},
    Facts{StorageType::f6_e3m2, "F6_E3M2", 6, 1, false},
    Facts{StorageType::f4, "F4", 4, 1, false},
};

constexpr bool in_order() {
  for (size_t i = 0; i < facts.size(); ++i) {
    if (static_cast<size_t>(facts[i].type) != i) return false;
  }
  return true;
}
static_assert(in_order());

const Facts& of(StorageType type) { return facts[static_cast<size_t>(type)]; }

}  // namespace

std::string_view storage_type_name(StorageType type) { return of(type).name; }

std::optional<StorageType> storage_type_from_name(std::string_view name) {
  for (const Facts& row : facts) {
    if (row.name == name) return row.type;
  }
  return std::nullopt;
}

uint32_t storage_type_bits(StorageType type) { return of(type).bits; }
size_t storage_type_alignment(StorageType type) { return of(type).alignment; }
bool storage_type_supported(StorageType type) { return of(type).supported; }

}  // namespace tarn
