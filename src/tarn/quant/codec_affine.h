// The codec of MLX's affine format (quant/affine.h).
#pragma once

#include <memory>

#include "tarn/quant/codec.h"

namespace tarn::quant {

std::shared_ptr<const Codec> make_affine_codec(const AffineFormat& format, ScaleType scale_type);

}  // namespace tarn::quant
