// Writing a packed copy of a quantized model folder: one that loads by mapping alone.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>

namespace tarn::compress {

struct PackReport {
  uint64_t matrices = 0;      // stored as panels
  uint64_t bytes_before = 0;  // tensor bytes
  uint64_t bytes_after = 0;
};

// Reads the model folder `in` and writes `out`, which must not exist or be empty, in the form of
// models/packed.h: quantized matrices as panels; vectors in half precision as float32, which every
// step reads; all other tensors and small files as they are; config.json last, so that an
// interrupted run leaves no folder that loads. Values do not change. Uses a few tens of MB beside
// the mapped input.
//
// progress(done, total) counts the input's tensor bytes.
//
// invalid_argument: `out` is `in` or not empty; the input is packed already or has no quantized
// matrix. unsupported: a mode other than affine. corrupt: shapes that do not fit. Otherwise as
// load_model_config, Checkpoint and SafetensorsWriter.
PackReport pack_model(const std::filesystem::path& in, const std::filesystem::path& out,
                      const std::function<void(uint64_t, uint64_t)>& progress = {});

}  // namespace tarn::compress
