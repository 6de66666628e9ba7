// Packed model folders: quantized matrices stored as panels (quant/panel.h), which a product reads
// where the file's mapping has them. The form is described in docs/formats.md.
//
// In place of "<module>.weight", ".scales" and ".biases" there is "<module>.panels", U8, page
// aligned, zeros up to the next page behind it; the file's metadata holds its description under the
// same name, and the layout of all panels under "tarn.layout".
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "tarn/io/checkpoint.h"
#include "tarn/quant/panel.h"

namespace tarn {

inline constexpr std::string_view packed_suffix = ".panels";
inline constexpr const char* packed_layout_key = "tarn.layout";
// The layout of quant/panel.h, the same on every instruction set. A change of its bytes raises the
// number.
inline constexpr const char* packed_layout = "portable.1";
inline constexpr size_t packed_alignment = 4096;

struct PackedMatrix {
  quant::PanelFormat format;
  int64_t rows = 0;
  int64_t columns = 0;

  size_t panel_bytes() const;
  size_t tensor_bytes() const;  // up to the next page
  std::string description() const;
};

// Whether the checkpoint is packed. unsupported: in a layout that this version does not know.
bool is_packed(const Checkpoint& checkpoint);

// Reads and checks a description: panels of such a matrix take `tensor_bytes`. corrupt otherwise;
// `tensor` opens the message.
PackedMatrix parse_packed_matrix(std::string_view description, size_t tensor_bytes,
                                 std::string_view tensor);

// The description of a ".panels" tensor of a packed checkpoint, and whether its bytes can be used
// in place. corrupt: anything missing or not fitting.
PackedMatrix packed_matrix(const Checkpoint& checkpoint, const TensorInfo& panels);

}  // namespace tarn
