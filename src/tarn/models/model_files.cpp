#include "tarn/models/model_files.h"

#include "tarn/base/file.h"
#include "tarn/io/gguf.h"
#include "tarn/models/gguf/checkpoint.h"
#include "tarn/models/gguf/config.h"

namespace tarn {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t largest_config = uint64_t{64} << 20;

bool is_gguf_file(const fs::path& path) {
  std::error_code none;
  return fs::is_regular_file(path, none) && is_gguf(path);
}

}  // namespace

fs::path config_path(const fs::path& path) {
  std::error_code none;
  return fs::is_directory(path, none) ? path / "config.json" : path;
}

std::string read_config_json(const fs::path& path) {
  if (is_gguf_file(path)) return gguf::config_json(GgufFile::open(path));
  return read_file(config_path(path), largest_config);
}

Checkpoint open_checkpoint(const fs::path& path) {
  if (is_gguf_file(path)) return gguf::open_checkpoint(GgufFile::open(path));
  return Checkpoint::open(path);
}

}  // namespace tarn
