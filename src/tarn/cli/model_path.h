// What a MODEL argument stands for.
#pragma once

#include <filesystem>
#include <string>

namespace tarn::cli {

// A folder as it is given; otherwise the name of an embedded model ("pebble"), looked for in
// models/ beside or above the executable and in the source tree that built it. Error(not_found)
// that lists where it looked and which names there are.
std::filesystem::path model_path(const std::string& model);

// What to call it in tables: the folder's own name.
std::string model_name(const std::filesystem::path& path);

}  // namespace tarn::cli
