#include "tarn/compress/model_folder.h"

#include <set>
#include <string>

#include "tarn/base/error.h"

namespace tarn::compress {
namespace {

namespace fs = std::filesystem;

bool is_side_file(const fs::path& path) {
  const std::string name = path.filename().string();
  if (name == config_name || name.ends_with(".safetensors.index.json")) return false;
  static const std::set<std::string, std::less<>> extensions{".json", ".jinja", ".txt", ".model"};
  return extensions.contains(path.extension().string()) || name.starts_with("LICENSE") ||
         name.starts_with("NOTICE");
}

}  // namespace

void check_folders(const fs::path& in, const fs::path& out) {
  std::error_code ignored;
  if (!fs::is_directory(in, ignored)) {
    fail(ErrorCode::not_found, "{}: no such folder: name a model folder in Hugging Face layout",
         in.string());
  }
  if (fs::equivalent(in, out, ignored)) {
    fail(ErrorCode::invalid_argument, "{}: is the input itself: name another folder for the result",
         out.string());
  }
  if (!fs::exists(out, ignored)) return;
  if (!fs::is_directory(out, ignored)) {
    fail(ErrorCode::invalid_argument, "{}: exists and is no folder: name another", out.string());
  }
  if (!fs::is_empty(out, ignored)) {
    fail(ErrorCode::invalid_argument, "{}: the folder is not empty: empty it or name another",
         out.string());
  }
}

void copy_side_files(const fs::path& in, const fs::path& out) {
  for (const auto& entry : fs::directory_iterator(in)) {
    if (!entry.is_regular_file() || !is_side_file(entry.path())) continue;
    std::error_code error;
    fs::copy_file(entry.path(), out / entry.path().filename(), error);
    if (error) {
      fail(ErrorCode::io, "{}: cannot be copied to {}: {}", entry.path().string(), out.string(),
           error.message());
    }
  }
}

}  // namespace tarn::compress
