#include "tarn/io/safetensors_header.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <unordered_set>
#include <utility>

#include "tarn/base/error.h"
#include "tarn/io/quote.h"

namespace tarn {
namespace {

static_assert(std::endian::native == std::endian::little, "safetensors data is little endian");

constexpr std::string_view kRemedy = "download or convert the file again";

// Builds the entries while the JSON is read. A tree of the whole header would let a 100 MB header
// take gigabytes; here the first value that the format does not allow ends the reading.
class HeaderReader : public nlohmann::json_sax<nlohmann::json> {
 public:
  HeaderReader(std::string_view source, SafetensorsHeader& header)
      : source_(source), header_(header) {}

  bool null() override {
    if (state_ == State::metadata_value) {  // "__metadata__": null is what some writers put
      state_ = State::top;
      return true;
    }
    return unexpected("null");
  }
  bool boolean(bool) override { return unexpected("a boolean"); }
  bool number_integer(number_integer_t value) override {
    if (in_numbers()) broken("{} holds the negative number {}", quote(key_), value);
    return unexpected("a number");
  }
  bool number_float(number_float_t, const string_t& text) override {
    if (in_numbers()) broken("{} holds {}, not a 64-bit integer", quote(key_), quote(text));
    return unexpected("a number");
  }
  bool number_unsigned(number_unsigned_t value) override {
    if (state_ == State::shape) {
      if (value > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
        broken("dimension {} is too large", value);
      }
      if (entry_.shape.size() == kMaxTensorRank) {
        broken("it has more than {} dimensions", kMaxTensorRank);
      }
      entry_.shape.push_back(static_cast<int64_t>(value));
      return true;
    }
    if (state_ == State::offsets) {
      if (offsets_ == 2) broken("data_offsets holds more than two numbers");
      (offsets_++ == 0 ? entry_.begin : entry_.end) = value;
      return true;
    }
    return unexpected("a number");
  }
  bool string(string_t& value) override {
    if (state_ == State::metadata) {
      header_.metadata[key_] = std::move(value);
      return true;
    }
    if (state_ != State::tensor || key_ != "dtype") return unexpected("a string");
    const auto type = storage_type_from_name(value);
    if (!type) broken("dtype {} is not one this version of Tarn knows", quote(value));
    entry_.type = *type;
    return true;
  }
  bool binary(binary_t&) override { return unexpected("binary data"); }

  bool start_object(std::size_t) override {
    switch (state_) {
      case State::start:
        state_ = State::top;
        return true;
      case State::metadata_value:
        state_ = State::metadata;
        return true;
      case State::tensor_value:
        state_ = State::tensor;
        return true;
      default:
        return unexpected("an object");
    }
  }
  bool key(string_t& value) override {
    key_ = std::move(value);
    if (state_ == State::top) {
      if (!names_.insert(key_).second) {
        fail(ErrorCode::corrupt, "{}: tensor {} is named twice in the header: {}", source_,
             quote(key_), kRemedy);
      }
      entry_ = {};
      offsets_ = 0;
      has_type_ = has_shape_ = false;
      state_ = key_ == "__metadata__" ? State::metadata_value : State::tensor_value;
      if (state_ == State::tensor_value) entry_.name = key_;
      return true;
    }
    if (state_ == State::metadata) {
      if (header_.metadata.contains(key_)) {
        fail(ErrorCode::corrupt, "{}: __metadata__ has the key {} twice: {}", source_, quote(key_),
             kRemedy);
      }
      return true;
    }
    bool* const seen = key_ == "dtype"          ? &has_type_
                       : key_ == "shape"        ? &has_shape_
                       : key_ == "data_offsets" ? &has_offsets_
                                                : nullptr;
    if (seen == nullptr) broken("unknown key {}", quote(key_));
    if (std::exchange(*seen, true)) broken("key {} appears twice", quote(key_));
    return true;
  }
  bool end_object() override {
    if (state_ == State::tensor) {
      if (!has_type_) broken("dtype is missing");
      if (!has_shape_) broken("shape is missing");
      if (offsets_ != 2) broken("data_offsets must hold two numbers");
      header_.entries.push_back(std::move(entry_));
      has_offsets_ = false;
    }
    state_ = State::top;  // after the last brace there is only the end of the text
    return true;
  }
  bool start_array(std::size_t) override {
    if (state_ == State::tensor && key_ == "shape") {
      state_ = State::shape;
      return true;
    }
    if (state_ == State::tensor && key_ == "data_offsets") {
      state_ = State::offsets;
      return true;
    }
    return unexpected("an array");
  }
  bool end_array() override {
    state_ = State::tensor;
    return true;
  }
  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::json::exception&) override {
    fail(ErrorCode::corrupt, "{}: the header is not valid JSON near byte {}: {}", source_,
         position + 8, kRemedy);
  }

 private:
  enum class State { start, top, metadata_value, metadata, tensor_value, tensor, shape, offsets };

  bool in_numbers() const { return state_ == State::shape || state_ == State::offsets; }

  template <typename... Args>
  [[noreturn]] void broken(fmt::format_string<Args...> format, Args&&... args) const {
    fail(ErrorCode::corrupt, "{}: tensor {}: {}: {}", source_, quote(entry_.name),
         fmt::format(format, std::forward<Args>(args)...), kRemedy);
  }

  bool unexpected(std::string_view found) const {
    if (state_ == State::metadata_value) {
      fail(ErrorCode::corrupt, "{}: __metadata__ is {}, not an object of strings: {}", source_,
           found, kRemedy);
    }
    if (state_ == State::metadata) {
      fail(ErrorCode::corrupt, "{}: __metadata__ key {} holds {}, not a string: {}", source_,
           quote(key_), found, kRemedy);
    }
    broken("{} where the format does not allow it (at key {})", found, quote(key_));
  }

  std::string_view source_;
  SafetensorsHeader& header_;
  State state_ = State::start;
  std::string key_;
  SafetensorsEntry entry_;
  int offsets_ = 0;
  bool has_type_ = false;
  bool has_shape_ = false;
  bool has_offsets_ = false;
  std::unordered_set<std::string> names_;
};

void check_layout(const SafetensorsHeader& header, uint64_t data_size, std::string_view source) {
  const auto broken = [&](const SafetensorsEntry& entry, const std::string& reason) {
    fail(ErrorCode::corrupt, "{}: tensor {}: {}: {}", source, quote(entry.name), reason, kRemedy);
  };
  for (const SafetensorsEntry& entry : header.entries) {
    uint64_t bytes = 0;
    if (!tensor_byte_size(entry.type, entry.shape, bytes)) {
      broken(entry, fmt::format("shape {} of {} has no valid size in bytes",
                                shape_text(entry.shape), storage_type_name(entry.type)));
    }
    if (entry.begin > entry.end) {
      broken(entry, fmt::format("its data ends at byte {}, before its begin at {}", entry.end,
                                entry.begin));
    }
    if (entry.end > data_size) {
      broken(entry, fmt::format("its data reaches byte {} of {}; the file is cut off or not whole",
                                entry.end, data_size));
    }
    if (entry.end - entry.begin != bytes) {
      broken(entry,
             fmt::format("shape {} of {} takes {} bytes, its data has {}", shape_text(entry.shape),
                         storage_type_name(entry.type), bytes, entry.end - entry.begin));
    }
  }
  // The format forbids overlap (two names for one datum) and gaps (room for hidden content).
  uint64_t filled = 0;
  const SafetensorsEntry* previous = nullptr;
  for (const SafetensorsEntry& entry : header.entries) {
    if (entry.begin < filled) {
      broken(entry, fmt::format("its data overlaps that of {}", quote(previous->name)));
    }
    if (entry.begin > filled) {
      broken(entry, fmt::format("{} unused bytes lie before its data, which the format forbids",
                                entry.begin - filled));
    }
    filled = entry.end;
    previous = &entry;
  }
  if (filled != data_size) {
    fail(ErrorCode::corrupt, "{}: {} bytes follow the last tensor: {}", source, data_size - filled,
         kRemedy);
  }
}

}  // namespace

bool tensor_byte_size(StorageType type, std::span<const int64_t> shape, uint64_t& bytes) {
  constexpr uint64_t limit = std::numeric_limits<int64_t>::max();
  uint64_t count = storage_type_bits(type);  // in bits: the limit then holds for the bytes as well
  bool empty = false;
  for (const int64_t dim : shape) {
    if (dim < 0) return false;
    empty = empty || dim == 0;
    if (dim > 0 && count > limit / static_cast<uint64_t>(dim)) return false;
    if (dim > 0) count *= static_cast<uint64_t>(dim);
  }
  if (!empty && count % 8 != 0) return false;
  bytes = empty ? 0 : count / 8;
  return true;
}

std::string shape_text(std::span<const int64_t> shape) {
  return fmt::format("[{}]", fmt::join(shape, ", "));
}

SafetensorsHeader parse_safetensors_header(std::span<const std::byte> file,
                                           std::string_view source) {
  uint64_t length = 0;
  if (file.size() < sizeof(length)) {
    fail(ErrorCode::corrupt, "{}: {} bytes are too few for a safetensors file: {}", source,
         file.size(), kRemedy);
  }
  std::memcpy(&length, file.data(), sizeof(length));
  if (length > kMaxSafetensorsHeader) {
    fail(ErrorCode::corrupt,
         "{}: a header of {} bytes is beyond the limit of {}; this is not a safetensors file: {}",
         source, length, kMaxSafetensorsHeader, kRemedy);
  }
  if (length > file.size() - sizeof(length)) {
    fail(ErrorCode::corrupt, "{}: the header should have {} bytes, the file has {}: {}", source,
         length, file.size() - sizeof(length), kRemedy);
  }
  const std::string_view text(reinterpret_cast<const char*>(file.data()) + sizeof(length), length);
  if (!text.starts_with('{')) {
    fail(ErrorCode::corrupt, "{}: the header does not begin with a JSON object: {}", source,
         kRemedy);
  }
  SafetensorsHeader header;
  header.data_start = sizeof(length) + length;
  HeaderReader reader(source, header);
  nlohmann::json::sax_parse(text.begin(), text.end(), &reader);
  std::stable_sort(header.entries.begin(), header.entries.end(), [](const auto& a, const auto& b) {
    return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
  });
  check_layout(header, file.size() - header.data_start, source);
  return header;
}

}  // namespace tarn
