#include "tarn/io/gguf.h"

#include <charconv>
#include <cmath>
#include <cstring>
#include <fstream>
#include <limits>
#include <set>

#include "tarn/base/error.h"
#include "tarn/io/gguf_header.h"
#include "tarn/io/quote.h"

namespace tarn {
namespace {

namespace fs = std::filesystem;

constexpr const char* split_number = "split.no";
constexpr const char* split_count = "split.count";
constexpr const char* split_tensors = "split.tensors.count";
constexpr int64_t max_parts = 99999;  // what five digits of a name can count

struct Part {
  std::shared_ptr<const MappedFile> file;
  GgufHeader header;
};

Part read_part(const fs::path& path) {
  Part part{MappedFile::open(path), {}};
  part.header = parse_gguf_header(part.file->bytes(), path.string());
  return part;
}

std::optional<int64_t> number(const Part& part, std::string_view key) {
  for (const auto& [name, value] : part.header.metadata) {
    if (name != key) continue;
    const auto* integer = std::get_if<int64_t>(&value.value);
    if (integer != nullptr && *integer >= 0) return *integer;
    fail(ErrorCode::corrupt, "{}: {} is no whole number: download or convert the file again",
         part.file->path().string(), quote(key));
  }
  return std::nullopt;
}

// "model-00002-of-00003.gguf" -> the name of part `index` (from 0). Nothing when the name is not of
// this form or counts another number of parts.
std::optional<std::string> part_name(const std::string& name, int64_t index, int64_t count) {
  constexpr std::string_view tail = "-00000-of-00000.gguf";
  if (name.size() < tail.size()) return std::nullopt;
  const std::string stem = name.substr(0, name.size() - tail.size());
  int64_t own = 0;
  const std::string own_tail = name.substr(stem.size());
  const auto [end, error] =
      std::from_chars(own_tail.data() + 1, own_tail.data() + 6, own);  // behind the hyphen
  if (error != std::errc() || end != own_tail.data() + 6) return std::nullopt;
  if (own_tail != fmt::format("-{:05}-of-{:05}.gguf", own, count)) return std::nullopt;
  return fmt::format("{}-{:05}-of-{:05}.gguf", stem, index + 1, count);
}

std::vector<Part> read_parts(const fs::path& path) {
  std::vector<Part> parts;
  parts.push_back(read_part(path));
  const int64_t count = number(parts[0], split_count).value_or(1);
  if (count <= 1) return parts;
  const int64_t own = number(parts[0], split_number).value_or(0);
  if (count > max_parts || own >= count) {
    fail(ErrorCode::corrupt,
         "{}: it says that it is part {} of {}: download or convert the file again", path.string(),
         own + 1, count);
  }
  const std::string name = path.filename().string();
  if (part_name(name, own, count) != name) {
    fail(ErrorCode::not_found,
         "{}: it is part {} of a model in {} files, whose names must end in -{:05}-of-{:05}.gguf "
         "for the others to be found; give it its own name again",
         path.string(), own + 1, count, own + 1, count);
  }
  std::vector<Part> all(static_cast<size_t>(count));
  std::swap(all[static_cast<size_t>(own)], parts[0]);
  for (int64_t i = 0; i < count; ++i) {
    Part& part = all[static_cast<size_t>(i)];
    const fs::path sister = path.parent_path() / part_name(name, i, count).value();
    if (i == own) continue;
    std::error_code none;
    if (!fs::exists(sister, none)) {
      fail(ErrorCode::not_found,
           "{}: it is part {} of a model in {} files, and is missing; "
           "download it into the same folder",
           sister.string(), i + 1, count);
    }
    part = read_part(sister);
    if (number(part, split_number) != i || number(part, split_count) != count) {
      fail(ErrorCode::corrupt,
           "{}: by its name it is part {} of {}, by its content it is not: download the parts of "
           "one model again",
           sister.string(), i + 1, count);
    }
  }
  return all;
}

}  // namespace

size_t GgufArray::size() const {
  return std::visit([](const auto& of_type) { return of_type.size(); }, values);
}

GgufFile GgufFile::open(const fs::path& path) {
  std::vector<Part> parts = read_parts(path);
  GgufFile result;
  result.path_ = path;
  result.version_ = parts[0].header.version;
  result.alignment_ = parts[0].header.alignment;
  const std::optional<int64_t> expected = number(parts[0], split_tensors);
  result.metadata_ = std::move(parts[0].header.metadata);
  std::set<std::string_view> names;
  size_t count = 0;
  for (const Part& part : parts) count += part.header.tensors.size();
  result.tensors_.reserve(count);
  for (Part& part : parts) {
    const auto content = part.file->bytes();
    for (GgufTensorEntry& entry : part.header.tensors) {
      result.tensors_.push_back({std::move(entry.name), entry.type, std::move(entry.shape),
                                 content.subspan(entry.begin, entry.end - entry.begin), part.file});
      const std::string& name = result.tensors_.back().name;
      if (!names.insert(name).second) {
        fail(ErrorCode::corrupt,
             "{}: tensor {} stands in two parts: download the parts of one model again",
             part.file->path().string(), quote(name));
      }
    }
    result.files_.push_back(std::move(part.file));
  }
  if (parts.size() > 1 && expected && static_cast<uint64_t>(*expected) != count) {
    fail(ErrorCode::corrupt,
         "{}: the parts hold {} tensors, the first one promises {}: download the parts of one "
         "model again",
         path.string(), count, *expected);
  }
  for (size_t i = 0; i < result.metadata_.size(); ++i) {
    result.keys_[result.metadata_[i].first] = i;
  }
  for (size_t i = 0; i < result.tensors_.size(); ++i) result.index_[result.tensors_[i].name] = i;
  return result;
}

uint64_t GgufFile::total_bytes() const {
  uint64_t total = 0;
  for (const GgufTensor& tensor : tensors_) total += tensor.bytes.size();
  return total;
}

const GgufValue* GgufFile::find(std::string_view key) const {
  const auto found = keys_.find(key);
  return found == keys_.end() ? nullptr : &metadata_[found->second].second;
}

void GgufFile::wrong_kind(std::string_view key, const char* wanted) const {
  fail(ErrorCode::corrupt, "{}: the metadata {} is {}: download or convert the file again",
       path_.string(), quote(key), wanted);
}

std::optional<int64_t> GgufFile::get_int(std::string_view key) const {
  const GgufValue* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (const auto* integer = std::get_if<int64_t>(&value->value)) return *integer;
  const auto* large = std::get_if<uint64_t>(&value->value);
  if (large == nullptr) wrong_kind(key, "not a whole number");
  if (*large > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
    wrong_kind(key, "too large");
  }
  return static_cast<int64_t>(*large);
}

std::optional<double> GgufFile::get_float(std::string_view key) const {
  const GgufValue* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (const auto* real = std::get_if<double>(&value->value)) return *real;
  if (const auto* integer = std::get_if<int64_t>(&value->value)) {
    return static_cast<double>(*integer);
  }
  const auto* large = std::get_if<uint64_t>(&value->value);
  if (large == nullptr) wrong_kind(key, "not a number");
  return static_cast<double>(*large);
}

std::optional<bool> GgufFile::get_bool(std::string_view key) const {
  const GgufValue* value = find(key);
  if (value == nullptr) return std::nullopt;
  const auto* truth = std::get_if<bool>(&value->value);
  if (truth == nullptr) wrong_kind(key, "neither true nor false");
  return *truth;
}

std::optional<std::string_view> GgufFile::get_string(std::string_view key) const {
  const GgufValue* value = find(key);
  if (value == nullptr) return std::nullopt;
  const auto* text = std::get_if<std::string_view>(&value->value);
  if (text == nullptr) wrong_kind(key, "not a text");
  return *text;
}

const GgufArray* GgufFile::get_array(std::string_view key) const {
  const GgufValue* value = find(key);
  if (value == nullptr) return nullptr;
  const auto* array = std::get_if<GgufArray>(&value->value);
  if (array == nullptr) wrong_kind(key, "not an array");
  return array;
}

std::string_view GgufFile::architecture() const {
  const auto name = get_string("general.architecture");
  if (!name) wrong_kind("general.architecture", "missing");
  return *name;
}

const GgufTensor* GgufFile::find_tensor(std::string_view name) const {
  const auto found = index_.find(name);
  return found == index_.end() ? nullptr : &tensors_[found->second];
}

bool is_gguf(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  char magic[4] = {};
  file.read(magic, sizeof(magic));
  return file.gcount() == sizeof(magic) && std::memcmp(magic, "GGUF", sizeof(magic)) == 0;
}

}  // namespace tarn
