#include "tarn/lm/prompt_cache.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <optional>
#include <utility>

#include "tarn/base/error.h"
#include "tarn/base/file.h"
#include "tarn/io/safetensors.h"
#include "tarn/io/safetensors_writer.h"
#include "tarn/lm/generate.h"
#include "tarn/memory/pool.h"
#include "tarn/ops/shape.h"

namespace tarn {
namespace {

namespace fs = std::filesystem;

constexpr const char* format_key = "tarn.prompt_cache";
constexpr const char* format_version = "2";
constexpr const char* model_key = "tarn.model";
constexpr const char* type_key = "tarn.kv_type";

StorageType storage_type(Dtype dtype) {
  switch (dtype) {
    case Dtype::f16:
      return StorageType::f16;
    case Dtype::bf16:
      return StorageType::bf16;
    case Dtype::f32:
      return StorageType::f32;
    case Dtype::u8:
      return StorageType::u8;
    case Dtype::i8:
      return StorageType::i8;
    default:
      fail(ErrorCode::unsupported, "prompt cache: arrays of {} cannot be saved", name(dtype));
  }
}

// FNV-1a.
class Hash {
 public:
  void add(std::span<const std::byte> bytes) {
    for (const std::byte b : bytes) state_ = (state_ ^ static_cast<uint64_t>(b)) * 0x100000001b3U;
  }
  void add(std::string_view text) { add(std::as_bytes(std::span(text))); }
  uint64_t value() const { return state_; }

 private:
  uint64_t state_ = 0xcbf29ce484222325U;
};

void add_samples(Hash& hash, std::span<const std::byte> bytes) {
  constexpr size_t samples = 64;
  constexpr size_t sample = 4096;
  uint64_t header = 0;
  if (bytes.size() >= sizeof header) std::memcpy(&header, bytes.data(), sizeof header);
  hash.add(bytes.first(std::min<uint64_t>(bytes.size(), header)));
  for (size_t i = 0; i < samples; ++i) {
    const size_t at = bytes.size() / samples * i;
    hash.add(bytes.subspan(at, std::min(sample, bytes.size() - at)));
  }
}

// Name and array of everything in the cache.
std::vector<std::pair<std::string, array>> named_arrays(const Cache& cache) {
  std::vector<std::pair<std::string, array>> all;
  for (size_t i = 0; i < cache.layers().size(); ++i) {
    const std::string prefix = fmt::format("layers.{}.", i);
    if (const auto* kv = std::get_if<KvCache>(&cache.layers()[i])) {
      if (const auto contents = kv->contents()) {
        all.emplace_back(prefix + "keys", contents->keys);
        all.emplace_back(prefix + "values", contents->values);
      }
    } else {
      const auto& recurrent = std::get<RecurrentCache>(cache.layers()[i]);
      if (recurrent.conv) all.emplace_back(prefix + "conv", *recurrent.conv);
      if (recurrent.state) all.emplace_back(prefix + "state", *recurrent.state);
    }
  }
  return all;
}

std::vector<int64_t> extents(const Shape& shape) { return {shape.begin(), shape.end()}; }

std::string offset_key(size_t layer) { return fmt::format("layers.{}.offset", layer); }

class Reader {
 public:
  Reader(const fs::path& path, const Model& model)
      : path_(path), file_(SafetensorsFile::open(path)), model_(model) {}

  PromptCache read(const std::string& fingerprint) {
    if (metadata(format_key) != format_version) {
      fail(ErrorCode::invalid_argument,
           "{}: it is not a prompt cache that this version can read; name another file, or delete "
           "it to have it written anew",
           path_.string());
    }
    if (metadata(model_key) != fingerprint) {
      fail(ErrorCode::invalid_argument,
           "{}: the prompt cache was made with another model or other options; use it with the "
           "model that wrote it, or name another file",
           path_.string());
    }
    const TensorInfo& tokens = tensor("tokens");
    if (tokens.type != StorageType::i32 || tokens.shape.size() != 1 || tokens.shape[0] < 1) {
      corrupt("\"tokens\" is not a list of 32-bit ids");
    }
    std::vector<int32_t> ids(static_cast<size_t>(tokens.shape[0]));
    std::memcpy(ids.data(), tokens.bytes.data(), tokens.bytes.size());
    check_tokens(model_, ids);

    // A step that is never evaluated shows what the model's cache looks like.
    Cache expected = model_.make_cache();
    model_.forward({0}, expected, LogitsFor::none);
    const auto length = static_cast<int64_t>(ids.size());
    Cache cache = model_.make_cache();
    for (size_t i = 0; i < cache.layers().size(); ++i) {
      read_layer(i, expected.layers()[i], length, cache.layers()[i]);
    }
    cache.advance(length);
    if (used_ != file_.tensors().size()) {
      corrupt(fmt::format("it holds {} tensors and this model's cache {}", file_.tensors().size(),
                          used_));
    }
    return {std::move(ids), std::move(cache)};
  }

 private:
  [[noreturn]] void corrupt(const std::string& what) const {
    fail(ErrorCode::corrupt, "{}: {}, so it is no cache of this model; delete the file",
         path_.string(), what);
  }

  std::string metadata(const std::string& key) const {
    const auto found = file_.metadata().find(key);
    return found == file_.metadata().end() ? "" : found->second;
  }

  const TensorInfo& tensor(const std::string& tensor_name) {
    const TensorInfo* info = file_.find(tensor_name);
    if (info == nullptr) corrupt(fmt::format("tensor \"{}\" is missing", tensor_name));
    ++used_;
    return *info;
  }

  // A copy in the pool; `length` replaces the extent of axis 2 where it is given.
  array read_array(const std::string& tensor_name, const array& like,
                   std::optional<int64_t> length) {
    const TensorInfo& info = tensor(tensor_name);
    Shape shape = like.shape();
    if (length) shape[2] = *length;
    if (info.type != storage_type(like.dtype()) || info.shape != extents(shape)) {
      corrupt(fmt::format("tensor \"{}\" is {} of {}, and {} {} was expected", tensor_name,
                          storage_type_name(info.type), fmt::join(info.shape, "x"),
                          storage_type_name(storage_type(like.dtype())), to_string(shape)));
    }
    auto buffer = memory::allocate(info.bytes.size());
    std::memcpy(buffer->data(), info.bytes.data(), info.bytes.size());
    return {std::move(buffer), shape, like.dtype()};
  }

  void check_type(KvType type) const {
    const std::string stored = metadata(type_key);
    if (stored == name(type)) return;
    fail(ErrorCode::invalid_argument,
         "{}: the prompt cache keeps keys and values as \"{}\" and this run as {}; use --kv-type "
         "as when it was written, or name another file",
         path_.string(), stored, name(type));
  }

  int64_t read_offset(size_t layer, int64_t length, int64_t window) const {
    const std::string text = metadata(offset_key(layer));
    const bool digits = !text.empty() && text.size() < 19 &&
                        text.find_first_not_of("0123456789") == std::string::npos;
    const int64_t offset = digits ? std::stoll(text) : -1;
    // What a window has dropped is out of every later token's sight.
    const int64_t needed = window > 0 ? std::max<int64_t>(length - window + 1, 0) : 0;
    if (offset < 0 || offset > needed || offset >= length) {
      corrupt(fmt::format("\"{}\" is \"{}\"", offset_key(layer), text));
    }
    return offset;
  }

  void read_layer(size_t i, const LayerCache& expected, int64_t length, LayerCache& layer) {
    const std::string prefix = fmt::format("layers.{}.", i);
    if (const auto* kv = std::get_if<KvCache>(&expected)) {
      check_type(kv->type());
      const int64_t offset = read_offset(i, length, kv->window());
      const KeysAndValues like = kv->contents().value();
      const array keys = read_array(prefix + "keys", like.keys, length - offset);
      const array values = read_array(prefix + "values", like.values, length - offset);
      std::get<KvCache>(layer).restore(keys, values, offset, kv->key_dim(), kv->value_dim());
    } else {
      const auto& like = std::get<RecurrentCache>(expected);
      auto& recurrent = std::get<RecurrentCache>(layer);
      if (like.conv) recurrent.conv = read_array(prefix + "conv", *like.conv, {});
      if (like.state) recurrent.state = read_array(prefix + "state", *like.state, {});
    }
  }

  const fs::path& path_;
  SafetensorsFile file_;
  const Model& model_;
  size_t used_ = 0;
};

}  // namespace

std::string model_fingerprint(const fs::path& folder) {
  Hash hash;
  if (fs::is_regular_file(folder)) {
    const auto mapped = MappedFile::open(folder);
    hash.add(fmt::format("{}", mapped->bytes().size()));
    add_samples(hash, mapped->bytes());
    return fmt::format("{:016x}", hash.value());
  }
  hash.add(read_file(folder / "config.json"));
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() == ".safetensors") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  for (const fs::path& file : files) {
    const auto mapped = MappedFile::open(file);
    hash.add(fmt::format("{} {}", file.filename().string(), mapped->bytes().size()));
    add_samples(hash, mapped->bytes());
  }
  return fmt::format("{:016x}", hash.value());
}

void save_prompt_cache(const fs::path& path, const std::vector<int32_t>& tokens, const Cache& cache,
                       const std::string& fingerprint) {
  if (tokens.empty() || static_cast<int64_t>(tokens.size()) != cache.position()) {
    fail(ErrorCode::internal, "prompt cache: {} tokens for a cache that holds {}", tokens.size(),
         cache.position());
  }
  SafetensorsMetadata metadata{{format_key, format_version}, {model_key, fingerprint}};
  for (size_t i = 0; i < cache.layers().size(); ++i) {
    if (const auto* kv = std::get_if<KvCache>(&cache.layers()[i])) {
      metadata[type_key] = name(kv->type());
      metadata[offset_key(i)] = std::to_string(kv->contents().value().offset);
    }
  }
  std::vector<TensorSpec> specs{
      {"tokens", StorageType::i32, {static_cast<int64_t>(tokens.size())}}};
  std::vector<std::pair<std::string, array>> arrays = named_arrays(cache);
  std::vector<array> values;
  for (auto& [tensor_name, value] : arrays) {
    specs.push_back({tensor_name, storage_type(value.dtype()), extents(value.shape())});
    value = contiguous(value);
    values.push_back(value);
  }
  eval(values);
  SafetensorsWriter writer(path, specs, metadata);
  writer.append("tokens", std::as_bytes(std::span(tokens)));
  for (const auto& [tensor_name, value] : arrays) {
    const auto* data = dispatch(value.dtype(), [&saved = value](auto zero) {
      return reinterpret_cast<const std::byte*>(saved.template data<decltype(zero)>());
    });
    writer.append(tensor_name, {data, value.nbytes()});
  }
  writer.finish();
}

PromptCache load_prompt_cache(const fs::path& path, const Model& model,
                              const std::string& fingerprint) {
  return Reader(path, model).read(fingerprint);
}

}  // namespace tarn
