// The format of a matrix as config.json's "quantization" states it.
#pragma once

#include "tarn/base/json.h"
#include "tarn/quant/format.h"

namespace tarn {

// What parse_model_config reads: {"group_size": 64, "bits": 4, "mode": "affine"}.
ordered_json quantization_json(const quant::Format& format);

}  // namespace tarn
