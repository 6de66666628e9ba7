// The codec of palettes (quant/palette.h).
#pragma once

#include <memory>

#include "tarn/quant/codec.h"

namespace tarn::quant {

// Parts: "weight", the bit stream of quant/affine.h, and "tables", float16 [tables, 2^bits].
std::shared_ptr<const Codec> make_palette_codec(const Format& format);

}  // namespace tarn::quant
