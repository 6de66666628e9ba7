#include "tarn/lm/model_path.h"

#include <dlfcn.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <system_error>
#include <vector>

#include "tarn/base/error.h"
#include "tarn/io/gguf.h"

namespace tarn {
namespace {

namespace fs = std::filesystem;

// The file that this code was loaded from: a shared library, or the executable once more.
fs::path this_file() {
  Dl_info info{};
  const bool found = dladdr(reinterpret_cast<const void*>(&this_file), &info) != 0;
  return found && info.dli_fname != nullptr ? fs::path(info.dli_fname) : fs::path();
}

std::vector<fs::path> model_folders() {
  std::vector<fs::path> folders;
  std::error_code none;
  for (const fs::path& file : {fs::read_symlink("/proc/self/exe", none), this_file()}) {
    if (!file.is_absolute()) continue;
    const fs::path folder = file.parent_path();
    const fs::path above = folder.parent_path();
    // Libraries may stand one deeper: lib/x86_64-linux-gnu.
    for (const fs::path& models :
         {folder / "models", above / "models", above / "share" / "tarn" / "models",
          above.parent_path() / "share" / "tarn" / "models"}) {
      folders.push_back(models);
    }
  }
  folders.emplace_back(TARN_MODELS_DIR);
  return folders;
}

std::set<std::string> embedded_names(const std::vector<fs::path>& folders) {
  std::set<std::string> names;
  for (const fs::path& folder : folders) {
    std::error_code none;
    for (const auto& entry : fs::directory_iterator(folder, none)) {
      if (fs::exists(entry.path() / "config.json", none)) {
        names.insert(entry.path().filename().string());
      }
    }
  }
  return names;
}

}  // namespace

fs::path model_path(const std::string& model) {
  std::error_code none;
  if (fs::is_directory(model, none)) {
    if (fs::exists(fs::path(model) / "config.json", none)) return model;
    fail(ErrorCode::not_found,
         "{}: it is no model folder, since it has no config.json; give the folder that holds "
         "config.json and *.safetensors",
         model);
  }
  if (fs::is_regular_file(model, none) && is_gguf(model)) return model;
  if (fs::exists(model, none)) {
    fail(ErrorCode::unsupported,
         "{}: it is a file but no GGUF file; give a .gguf file, or the folder that holds "
         "config.json and *.safetensors",
         model);
  }
  const std::vector<fs::path> folders = model_folders();
  if (!model.empty() && model.find('/') == std::string::npos) {
    for (const fs::path& folder : folders) {
      if (fs::exists(folder / model / "config.json", none)) return folder / model;
    }
  }
  const std::set<std::string> names = embedded_names(folders);
  fail(ErrorCode::not_found,
       "{}: there is no such folder and no embedded model of that name; give a model folder{}",
       model, names.empty() ? "" : fmt::format(" or one of: {}", fmt::join(names, ", ")));
}

std::string model_name(const fs::path& path) {
  const fs::path full = fs::weakly_canonical(path);
  return full.has_filename() ? full.filename().string() : full.parent_path().filename().string();
}

}  // namespace tarn
