#include "tarn/server/page/files.h"

#include <algorithm>

namespace tarn::server {

const PageFile* find_page_file(std::string_view path) {
  const auto files = page_files();
  const auto found = std::ranges::lower_bound(files, path, {}, &PageFile::path);
  return found == files.end() || found->path != path ? nullptr : &*found;
}

}  // namespace tarn::server
