// Model folders as the input and the output of a tool.
#pragma once

#include <filesystem>

namespace tarn::compress {

inline constexpr const char* config_name = "config.json";

// not_found: `in` is no folder. invalid_argument: `out` is `in`, or exists and is not an empty
// folder.
void check_folders(const std::filesystem::path& in, const std::filesystem::path& out);

// Copies the tokenizer's and other small files: all but config.json and the weights.
void copy_side_files(const std::filesystem::path& in, const std::filesystem::path& out);

}  // namespace tarn::compress
