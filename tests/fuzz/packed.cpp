// Any description of panels either fails with tarn::Error or describes a matrix of just the bytes
// that the tensor has. The first two input bytes are the tensor's size in pages.
#include "tarn/models/packed.h"

#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "tarn/base/error.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const size_t bytes = (size_t{data[0]} | size_t{data[1]} << 8) * tarn::packed_alignment;
  const std::string_view text(reinterpret_cast<const char*>(data) + 2, size - 2);
  try {
    const tarn::PackedMatrix matrix = tarn::parse_packed_matrix(text, bytes, "fuzz");
    const bool fits = matrix.rows > 0 && matrix.columns > 0 && matrix.panel_bytes() <= bytes &&
                      bytes - matrix.panel_bytes() < tarn::packed_alignment;
    if (!fits) std::abort();
  } catch (const tarn::Error& error) {
    if (error.code() != tarn::ErrorCode::corrupt) std::abort();
  }
  return 0;
}
