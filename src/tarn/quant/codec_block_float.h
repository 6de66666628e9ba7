// The codec of block floats in MLX's layout (quant/block_float.h).
#pragma once

#include <memory>

#include "tarn/quant/codec.h"

namespace tarn::quant {

// mxfp4, mxfp8 or nvfp4.
std::shared_ptr<const Codec> make_block_float_codec(FormatMode mode);

}  // namespace tarn::quant
