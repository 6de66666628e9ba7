// Models from Hugging Face folders to GGUF files and back.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "tarn/io/storage_type.h"
#include "tarn/quant/ggml_type.h"

namespace tarn::compress {

struct ConvertReport {
  std::map<std::string, uint64_t> tensors;  // by type: "BF16"
  uint64_t bytes_before = 0;
  uint64_t bytes_after = 0;
  std::vector<std::string> notes;  // what was left out or changed, for people
};

using ConvertProgress = std::function<void(uint64_t done, uint64_t total)>;

// `in`: a model folder or GGUF file. `out`: a file that does not exist. Matrices get `type`, or a
// type that their rows fill when they do not fill its blocks (said in the notes); vectors are F32.
// The tokenizer goes along.
ConvertReport convert_to_gguf(const std::filesystem::path& in, const std::filesystem::path& out,
                              quant::GgmlType type, const ConvertProgress& progress = {});

// `in`: a GGUF file. `out`: a folder that does not exist or is empty. Matrices, quantized ones too,
// get `type` (F32, F16 or BF16); transformers reads the result.
ConvertReport convert_from_gguf(const std::filesystem::path& in, const std::filesystem::path& out,
                                StorageType type, const ConvertProgress& progress = {});

}  // namespace tarn::compress
