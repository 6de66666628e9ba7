#include "tarn/io/gguf_header.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <unordered_set>

#include "tarn/base/error.h"
#include "tarn/io/quote.h"

namespace tarn {
namespace {

static_assert(std::endian::native == std::endian::little, "GGUF data is little endian");

constexpr std::string_view remedy = "download or convert the file again";
constexpr uint32_t magic = 0x46554747;  // "GGUF"
constexpr uint64_t default_alignment = 32;
constexpr const char* alignment_key = "general.alignment";
// The least bytes that an entry takes, so that a count can be judged before memory is taken for it.
constexpr uint64_t least_pair = 8 + 1 + 4 + 1;
constexpr uint64_t least_tensor = 8 + 1 + 4 + 8 + 4 + 8;

size_t bytes_of(GgufValueType type) {
  switch (type) {
    case GgufValueType::u8:
    case GgufValueType::i8:
    case GgufValueType::boolean:
      return 1;
    case GgufValueType::u16:
    case GgufValueType::i16:
      return 2;
    case GgufValueType::u32:
    case GgufValueType::i32:
    case GgufValueType::f32:
      return 4;
    default:
      return 8;  // a string or array has at least its length
  }
}

bool is_utf8(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const size_t length = lead < 0x80                   ? 1
                          : lead >= 0xc2 && lead < 0xe0 ? 2
                          : lead >= 0xe0 && lead < 0xf0 ? 3
                          : lead >= 0xf0 && lead < 0xf5 ? 4
                                                        : 0;
    if (length == 0 || length > text.size() - i) return false;
    for (size_t k = 1; k < length; ++k) {
      if ((static_cast<unsigned char>(text[i + k]) & 0xc0U) != 0x80U) return false;
    }
    i += length;
  }
  return true;
}

class Reader {
 public:
  Reader(std::span<const std::byte> bytes, std::string_view source)
      : bytes_(bytes), source_(source) {}

  template <typename... Args>
  [[noreturn]] void broken(fmt::format_string<Args...> format, Args&&... args) const {
    fail(ErrorCode::corrupt, "{}: {} (byte {}): {}", source_,
         fmt::format(format, std::forward<Args>(args)...), at_, remedy);
  }
  template <typename... Args>
  [[noreturn]] void unsupported(fmt::format_string<Args...> format, Args&&... args) const {
    fail(ErrorCode::unsupported, "{}: {}", source_,
         fmt::format(format, std::forward<Args>(args)...));
  }

  uint64_t at() const { return at_; }
  uint64_t left() const { return bytes_.size() - at_; }

  template <typename T>
  T read(const char* what) {
    if (left() < sizeof(T)) broken("the file ends within {}", what);
    T value;
    std::memcpy(&value, bytes_.data() + at_, sizeof(value));
    at_ += sizeof(value);
    return value;
  }

  std::string_view text(uint64_t limit, const char* what) {
    const auto length = read<uint64_t>(what);
    if (length > limit) broken("{} of {} bytes is longer than {}", what, length, limit);
    if (length > left()) {
      broken("{} of {} bytes reaches beyond the end of the file, {} bytes away", what, length,
             left());
    }
    const auto* begin = reinterpret_cast<const char*>(bytes_.data() + at_);
    at_ += length;
    return {begin, static_cast<size_t>(length)};
  }

  // A key or name: one that people can read and that stands for itself.
  std::string identifier(uint64_t limit, const char* what) {
    const std::string_view name = text(limit, what);
    if (name.empty()) broken("{} is empty", what);
    if (!is_utf8(name)) broken("{} {} is not UTF-8", what, quote(name));
    return std::string(name);
  }

  GgufValueType value_type(std::string_view key) {
    const auto type = read<uint32_t>("a value's type");
    if (type > static_cast<uint32_t>(GgufValueType::f64)) {
      broken("key {} has the unknown type {}", quote(key), type);
    }
    return static_cast<GgufValueType>(type);
  }

  GgufValue value(std::string_view key) {
    const GgufValueType type = value_type(key);
    switch (type) {
      case GgufValueType::string:
        return {type, text(std::numeric_limits<uint64_t>::max(), "a text")};
      case GgufValueType::array:
        return {type, array(key)};
      case GgufValueType::boolean:
        return {type, boolean(key)};
      case GgufValueType::f32:
      case GgufValueType::f64:
        return {type, real(type)};
      case GgufValueType::u64:
        return {type, read<uint64_t>("a number")};
      default:
        return {type, integer(type)};
    }
  }

 private:
  int64_t integer(GgufValueType type) {
    switch (type) {
      case GgufValueType::u8:
        return read<uint8_t>("a number");
      case GgufValueType::i8:
        return read<int8_t>("a number");
      case GgufValueType::u16:
        return read<uint16_t>("a number");
      case GgufValueType::i16:
        return read<int16_t>("a number");
      case GgufValueType::u32:
        return read<uint32_t>("a number");
      case GgufValueType::i32:
        return read<int32_t>("a number");
      default:
        return read<int64_t>("a number");
    }
  }
  double real(GgufValueType type) {
    return type == GgufValueType::f32 ? static_cast<double>(read<float>("a number"))
                                      : read<double>("a number");
  }
  bool boolean(std::string_view key) {
    const auto byte = read<uint8_t>("a truth value");
    if (byte > 1) broken("key {} holds the truth value {}, neither 0 nor 1", quote(key), byte);
    return byte == 1;
  }

  GgufArray array(std::string_view key) {
    GgufArray result;
    result.type = value_type(key);
    if (result.type == GgufValueType::array) broken("key {} holds arrays in an array", quote(key));
    const auto count = read<uint64_t>("an array's length");
    if (count > left() / bytes_of(result.type)) {
      broken("key {} claims {} entries, more than the {} bytes that are left can hold", quote(key),
             count, left());
    }
    if (count > gguf_max_array) {
      broken("key {} claims {} entries, more than {}", quote(key), count, gguf_max_array);
    }
    const auto fill = [&](auto values, auto&& next) {
      values.reserve(static_cast<size_t>(count));
      for (uint64_t i = 0; i < count; ++i) values.push_back(next());
      result.values = std::move(values);
    };
    switch (result.type) {
      case GgufValueType::string:
        fill(std::vector<std::string_view>(),
             [&] { return text(std::numeric_limits<uint64_t>::max(), "a text"); });
        break;
      case GgufValueType::boolean:
        fill(std::vector<bool>(), [&] { return boolean(key); });
        break;
      case GgufValueType::f32:
      case GgufValueType::f64:
        fill(std::vector<double>(), [&] { return real(result.type); });
        break;
      case GgufValueType::u64:
        fill(std::vector<uint64_t>(), [&] { return read<uint64_t>("a number"); });
        break;
      default:
        fill(std::vector<int64_t>(), [&] { return integer(result.type); });
    }
    return result;
  }

  std::span<const std::byte> bytes_;
  std::string_view source_;
  uint64_t at_ = 0;
};

uint32_t read_version(Reader& reader) {
  if (reader.left() < 8 || reader.read<uint32_t>("the magic number") != magic) {
    reader.broken("it does not begin with \"GGUF\"");
  }
  const auto version = reader.read<uint32_t>("the version");
  const bool swapped = version != 0 && (version & 0xffffU) == 0;
  if (swapped) {
    reader.unsupported(
        "it is a GGUF file of the other byte order (big endian); take the little-endian one, or "
        "convert it with gguf_convert_endian.py of llama.cpp");
  }
  if (version < 2 || version > 3) {
    reader.unsupported(
        "it is GGUF of version {}, and Tarn reads 2 and 3; convert the model again with a current "
        "llama.cpp",
        version);
  }
  return version;
}

uint64_t alignment_of(const Reader& reader, const GgufHeader& header) {
  const auto found = std::find_if(header.metadata.begin(), header.metadata.end(),
                                  [](const auto& pair) { return pair.first == alignment_key; });
  if (found == header.metadata.end()) return default_alignment;
  const auto* number = std::get_if<int64_t>(&found->second.value);
  if (number == nullptr || *number < 8 || static_cast<uint64_t>(*number) > gguf_max_alignment ||
      !std::has_single_bit(static_cast<uint64_t>(*number))) {
    reader.broken("\"{}\" is no power of two from 8 to {}", alignment_key, gguf_max_alignment);
  }
  return static_cast<uint64_t>(*number);
}

// Reads one tensor's description; `begin` is relative to the data then.
GgufTensorEntry read_tensor(Reader& reader) {
  GgufTensorEntry entry;
  entry.name = reader.identifier(gguf_max_name, "a tensor's name");
  const auto rank = reader.read<uint32_t>("a tensor's rank");
  if (rank < 1 || rank > gguf_max_rank) {
    reader.broken("tensor {} has {} dimensions, not 1 to {}", quote(entry.name), rank,
                  gguf_max_rank);
  }
  uint64_t count = 1;
  for (uint32_t i = 0; i < rank; ++i) {
    const auto extent = reader.read<uint64_t>("a tensor's shape");
    if (extent == 0 || extent > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
      reader.broken("tensor {} has the extent {}", quote(entry.name), extent);
    }
    if (__builtin_mul_overflow(count, extent, &count)) {
      reader.broken("the extents of tensor {} multiply to more than 64 bits", quote(entry.name));
    }
    entry.shape.insert(entry.shape.begin(), static_cast<int64_t>(extent));
  }
  const auto number = reader.read<uint32_t>("a tensor's type");
  const auto type = quant::ggml_type_info(number);
  if (!type) {
    reader.unsupported(
        "tensor {} has the type {}, which is not in use (any more); convert the model again with a "
        "current llama.cpp",
        quote(entry.name), number);
  }
  entry.type = type->type;
  const auto row = static_cast<uint64_t>(entry.shape.back());
  if (row % type->block_values != 0) {
    reader.broken("tensor {} has rows of {} values, no multiple of the {} in a block of {}",
                  quote(entry.name), row, type->block_values, type->name);
  }
  uint64_t size = 0;
  if (__builtin_mul_overflow(count / type->block_values, uint64_t{type->block_bytes}, &size)) {
    reader.broken("tensor {} takes more bytes than 64 bits can count", quote(entry.name));
  }
  entry.begin = reader.read<uint64_t>("a tensor's offset");
  if (__builtin_add_overflow(entry.begin, size, &entry.end)) {
    reader.broken("tensor {} ends beyond what 64 bits can count", quote(entry.name));
  }
  return entry;
}

void place_tensors(const Reader& reader, GgufHeader& header, uint64_t file_bytes) {
  uint64_t start = 0;
  if (__builtin_add_overflow(reader.at(), header.alignment - 1, &start)) {
    reader.broken("the header is too long");
  }
  start = start / header.alignment * header.alignment;
  for (GgufTensorEntry& entry : header.tensors) {
    if (entry.begin % header.alignment != 0) {
      reader.broken("tensor {} begins at offset {}, no multiple of the alignment {}",
                    quote(entry.name), entry.begin, header.alignment);
    }
    const uint64_t room = start > file_bytes ? 0 : file_bytes - start;
    if (entry.end > room) {
      reader.broken(
          "tensor {} reaches to offset {} of the data, which has {} bytes: the file is "
          "cut off",
          quote(entry.name), entry.end, room);
    }
    entry.begin += start;
    entry.end += start;
  }
  std::stable_sort(header.tensors.begin(), header.tensors.end(),
                   [](const auto& a, const auto& b) { return a.begin < b.begin; });
  for (size_t i = 1; i < header.tensors.size(); ++i) {
    const GgufTensorEntry& before = header.tensors[i - 1];
    if (header.tensors[i].begin >= before.end) continue;
    reader.broken("tensors {} and {} overlap", quote(before.name), quote(header.tensors[i].name));
  }
}

}  // namespace

GgufHeader parse_gguf_header(std::span<const std::byte> bytes, std::string_view source) {
  Reader reader(bytes, source);
  GgufHeader header;
  header.version = read_version(reader);
  const auto tensors = reader.read<uint64_t>("the number of tensors");
  const auto pairs = reader.read<uint64_t>("the number of metadata keys");
  if (pairs > reader.left() / least_pair) {
    reader.broken("it claims {} metadata keys, more than its {} bytes can hold", pairs,
                  bytes.size());
  }
  if (tensors > reader.left() / least_tensor) {
    reader.broken("it claims {} tensors, more than its {} bytes can hold", tensors, bytes.size());
  }
  std::unordered_set<std::string> seen;
  for (uint64_t i = 0; i < pairs; ++i) {
    std::string key = reader.identifier(gguf_max_key, "a metadata key");
    if (!seen.insert(key).second) reader.broken("the key {} stands there twice", quote(key));
    GgufValue value = reader.value(key);
    header.metadata.emplace_back(std::move(key), std::move(value));
  }
  header.alignment = alignment_of(reader, header);
  seen.clear();
  for (uint64_t i = 0; i < tensors; ++i) {
    header.tensors.push_back(read_tensor(reader));
    const std::string& name = header.tensors.back().name;
    if (!seen.insert(name).second) reader.broken("tensor {} stands there twice", quote(name));
  }
  place_tensors(reader, header, bytes.size());
  return header;
}

}  // namespace tarn
