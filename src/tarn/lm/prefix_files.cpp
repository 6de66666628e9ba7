#include "tarn/lm/prefix_files.h"

#include <fmt/format.h>

#include <algorithm>

#include "tarn/base/error.h"
#include "tarn/base/log.h"
#include "tarn/lm/prompt_cache.h"

namespace tarn {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view prefix = "prefix-";
constexpr std::string_view suffix = ".tarn";

// FNV-1a over model and tokens.
std::string name_of(const std::string& fingerprint, const std::vector<int32_t>& tokens) {
  uint64_t hash = 0xcbf29ce484222325U;
  const auto add = [&](uint8_t byte) { hash = (hash ^ byte) * 0x100000001b3U; };
  for (const char c : fingerprint) add(static_cast<uint8_t>(c));
  for (const int32_t token : tokens) {
    for (int shift = 0; shift < 32; shift += 8) {
      add(static_cast<uint8_t>(static_cast<uint32_t>(token) >> shift));
    }
  }
  return fmt::format("{}{:016x}{}", prefix, hash, suffix);
}

struct File {
  fs::path path;
  fs::file_time_type time;
  uint64_t bytes;
};

// Newest first. `complete`: those with their final names, else what was left behind.
std::vector<File> files_of(const fs::path& folder, bool complete) {
  std::vector<File> files;
  std::error_code error;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    const std::string name = at->path().filename().string();
    if (!name.starts_with(prefix) || name.ends_with(suffix) != complete) continue;
    std::error_code ignored;
    const uint64_t bytes = at->file_size(ignored);
    const auto time = at->last_write_time(ignored);
    if (!ignored) files.push_back({at->path(), time, bytes});
  }
  std::sort(files.begin(), files.end(), [](const File& a, const File& b) {
    return a.time != b.time ? a.time > b.time : a.path < b.path;
  });
  return files;
}

}  // namespace

PrefixFiles save_prefixes(const PrefixStore& store, const fs::path& folder,
                          const std::string& fingerprint, uint64_t limit) {
  PrefixFiles done;
  try {
    fs::create_directories(folder);
    store.each([&](const std::vector<int32_t>& tokens, const Cache& cache) {
      const fs::path path = folder / name_of(fingerprint, tokens);
      if (!fs::exists(path)) save_prompt_cache(path, tokens, cache, fingerprint);
      ++done.files;
      done.bytes += fs::file_size(path);
      return done.bytes < limit;
    });
    uint64_t total = 0;
    for (const File& file : files_of(folder, true)) {
      total += file.bytes;
      if (total > limit) fs::remove(file.path);
    }
  } catch (const std::exception& error) {
    done.problem =
        fmt::format("prefix cache: it could not be saved to {}: {}", folder.string(), error.what());
    logging::warn("{}", done.problem);
  }
  return done;
}

PrefixFiles load_prefixes(PrefixStore& store, const Model& model, const fs::path& folder,
                          const std::string& fingerprint, uint64_t limit) {
  PrefixFiles done;
  std::error_code ignored;
  for (const File& file : files_of(folder, false)) fs::remove(file.path, ignored);
  std::vector<PromptCache> loaded;
  for (const File& file : files_of(folder, true)) {
    if (done.bytes + file.bytes > limit) break;
    try {
      loaded.push_back(load_prompt_cache(file.path, model, fingerprint));
      ++done.files;
      done.bytes += file.bytes;
    } catch (const Error& error) {
      // Of another model is no fault.
      if (error.code() == ErrorCode::invalid_argument) continue;
      logging::warn("prefix cache: {}", error.what());
    }
  }
  // The newest are the last to go.
  for (size_t i = loaded.size(); i-- > 0;) {
    store.keep(std::move(loaded[i].tokens), std::move(loaded[i].cache));
  }
  return done;
}

}  // namespace tarn
