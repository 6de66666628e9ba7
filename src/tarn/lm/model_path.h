// What names a model: a path, or a short name.
#pragma once

#include <filesystem>
#include <string>

namespace tarn {

// A folder or a .gguf file as it is given; otherwise the name of an embedded model ("pebble"),
// looked for in models/ beside or above the executable or the library, in share/tarn/models where
// they are installed, and in the source tree that built them. Error(not_found) that lists which
// names there are.
std::filesystem::path model_path(const std::string& model);

// What to call it in tables: the folder's own name.
std::string model_name(const std::filesystem::path& path);

}  // namespace tarn
