#include "tarn/io/gguf_writer.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <set>

#include "tarn/base/error.h"
#include "tarn/io/atomic_file.h"
#include "tarn/io/gguf_header.h"
#include "tarn/io/quote.h"

namespace tarn {
namespace {

constexpr uint32_t version = 3;
constexpr size_t max_tensor_name = 63;  // ggml keeps names in 64 bytes

class Bytes {
 public:
  template <typename T>
  void number(T value) {
    const auto* begin = reinterpret_cast<const std::byte*>(&value);
    all_.insert(all_.end(), begin, begin + sizeof(value));
  }
  void text(std::string_view value) {
    number(static_cast<uint64_t>(value.size()));
    const auto* begin = reinterpret_cast<const std::byte*>(value.data());
    all_.insert(all_.end(), begin, begin + value.size());
  }
  void type(GgufValueType value) { number(static_cast<uint32_t>(value)); }
  void array(GgufValueType of, size_t count) {
    type(GgufValueType::array);
    type(of);
    number(static_cast<uint64_t>(count));
  }

  void value(uint32_t one) { scalar(GgufValueType::u32, one); }
  void value(int32_t one) { scalar(GgufValueType::i32, one); }
  void value(uint64_t one) { scalar(GgufValueType::u64, one); }
  void value(float one) { scalar(GgufValueType::f32, one); }
  void value(bool one) { scalar(GgufValueType::boolean, static_cast<uint8_t>(one)); }
  void value(const std::string& one) {
    type(GgufValueType::string);
    text(one);
  }
  void value(const std::vector<std::string>& all) {
    array(GgufValueType::string, all.size());
    for (const std::string& one : all) text(one);
  }
  void value(const std::vector<int32_t>& all) { numbers(GgufValueType::i32, all); }
  void value(const std::vector<uint32_t>& all) { numbers(GgufValueType::u32, all); }
  void value(const std::vector<float>& all) { numbers(GgufValueType::f32, all); }
  void value(const std::vector<bool>& all) {
    array(GgufValueType::boolean, all.size());
    for (const bool one : all) number(static_cast<uint8_t>(one));
  }

  const std::vector<std::byte>& all() const { return all_; }
  void fill_up(uint64_t alignment) {
    all_.resize((all_.size() + alignment - 1) / alignment * alignment);
  }

 private:
  template <typename T>
  void scalar(GgufValueType of, T one) {
    type(of);
    number(one);
  }
  template <typename T>
  void numbers(GgufValueType of, const std::vector<T>& all) {
    array(of, all.size());
    for (const T one : all) number(one);
  }
  std::vector<std::byte> all_;
};

uint64_t checked_bytes(const GgufTensorSpec& spec) {
  const quant::GgmlTypeInfo& type = info(spec.type);
  const auto refuse = [&](std::string_view why) {
    fail(ErrorCode::invalid_argument, "GGUF tensor {}: {}; store it otherwise", quote(spec.name),
         why);
  };
  if (spec.name.empty() || spec.name.size() > max_tensor_name) {
    refuse(fmt::format("its name must have 1 to {} bytes", max_tensor_name));
  }
  if (spec.shape.empty() || spec.shape.size() > gguf_max_rank) {
    refuse(fmt::format("it has {} dimensions, not 1 to {}", spec.shape.size(), gguf_max_rank));
  }
  uint64_t count = 1;
  for (const int64_t extent : spec.shape) {
    if (extent < 1 || __builtin_mul_overflow(count, static_cast<uint64_t>(extent), &count)) {
      refuse("its extents are not positive or too large");
    }
  }
  if (static_cast<uint64_t>(spec.shape.back()) % type.block_values != 0) {
    refuse(fmt::format("its rows of {} values do not fill blocks of {}", spec.shape.back(),
                       type.block_values));
  }
  uint64_t bytes = 0;
  if (__builtin_mul_overflow(count / type.block_values, uint64_t{type.block_bytes}, &bytes)) {
    refuse("it is too large");
  }
  return bytes;
}

}  // namespace

void GgufMetadata::add(std::string key, Value value) {
  const bool taken = std::any_of(entries_.begin(), entries_.end(),
                                 [&](const auto& entry) { return entry.first == key; });
  if (taken || key.empty() || key.size() > gguf_max_key) {
    fail(ErrorCode::invalid_argument, "GGUF metadata {}: {}", quote(key),
         taken ? "it is there already; write it once" : "a key has 1 to 65535 bytes");
  }
  entries_.emplace_back(std::move(key), std::move(value));
}

void GgufMetadata::add_u32(std::string key, uint32_t value) { add(std::move(key), value); }
void GgufMetadata::add_i32(std::string key, int32_t value) { add(std::move(key), value); }
void GgufMetadata::add_u64(std::string key, uint64_t value) { add(std::move(key), value); }
void GgufMetadata::add_f32(std::string key, float value) { add(std::move(key), value); }
void GgufMetadata::add_bool(std::string key, bool value) { add(std::move(key), value); }
void GgufMetadata::add_string(std::string key, std::string value) {
  add(std::move(key), std::move(value));
}
void GgufMetadata::add_strings(std::string key, std::vector<std::string> values) {
  add(std::move(key), std::move(values));
}
void GgufMetadata::add_i32s(std::string key, std::vector<int32_t> values) {
  add(std::move(key), std::move(values));
}
void GgufMetadata::add_u32s(std::string key, std::vector<uint32_t> values) {
  add(std::move(key), std::move(values));
}
void GgufMetadata::add_f32s(std::string key, std::vector<float> values) {
  add(std::move(key), std::move(values));
}
void GgufMetadata::add_bools(std::string key, std::vector<bool> values) {
  add(std::move(key), std::move(values));
}

struct GgufWriter::State {
  struct Place {
    std::string name;
    uint64_t begin;  // in the file
    uint64_t bytes;
  };
  std::vector<Place> places;
  std::unique_ptr<AtomicFile> file;
  size_t tensor = 0;     // the next to be written
  uint64_t written = 0;  // of it
};

GgufWriter::GgufWriter(const std::filesystem::path& path, const GgufMetadata& metadata,
                       const std::vector<GgufTensorSpec>& tensors, uint32_t alignment)
    : state_(std::make_unique<State>()) {
  if (alignment < 8 || alignment > gguf_max_alignment || !std::has_single_bit(alignment)) {
    fail(ErrorCode::invalid_argument, "GGUF alignment {}: it must be a power of two from 8 to {}",
         alignment, gguf_max_alignment);
  }
  Bytes header;
  header.number(uint32_t{0x46554747});
  header.number(version);
  header.number(static_cast<uint64_t>(tensors.size()));
  header.number(static_cast<uint64_t>(metadata.entries().size()));
  for (const auto& [key, value] : metadata.entries()) {
    header.text(key);
    std::visit([&](const auto& of_type) { header.value(of_type); }, value);
  }
  std::set<std::string_view> names;
  uint64_t offset = 0;
  for (const GgufTensorSpec& spec : tensors) {
    const uint64_t bytes = checked_bytes(spec);
    if (!names.insert(spec.name).second) {
      fail(ErrorCode::invalid_argument, "GGUF tensor {}: it is there twice; name each once",
           quote(spec.name));
    }
    header.text(spec.name);
    header.number(static_cast<uint32_t>(spec.shape.size()));
    for (size_t i = spec.shape.size(); i-- > 0;) {
      header.number(static_cast<uint64_t>(spec.shape[i]));
    }
    header.number(static_cast<uint32_t>(spec.type));
    header.number(offset);
    state_->places.push_back({spec.name, offset, bytes});
    if (__builtin_add_overflow(offset, bytes + alignment - 1, &offset) || offset > uint64_t{1}
                                                                                       << 62) {
      fail(ErrorCode::invalid_argument, "GGUF tensor {}: the file would be too large; split it",
           quote(spec.name));
    }
    offset = offset / alignment * alignment;
  }
  header.fill_up(alignment);
  const uint64_t start = header.all().size();
  for (State::Place& place : state_->places) place.begin += start;
  state_->file = std::make_unique<AtomicFile>(path, start + offset);
  state_->file->write_at(0, header.all());
  if (offset > 0) {  // the last tensor is filled up as well
    const std::byte zero{};
    state_->file->write_at(start + offset - 1, {&zero, 1});
  }
}

GgufWriter::~GgufWriter() = default;

void GgufWriter::write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    if (state_->tensor == state_->places.size()) {
      fail(ErrorCode::invalid_argument, "{}: {} bytes more than the tensors take",
           state_->file->path().string(), bytes.size());
    }
    const State::Place& place = state_->places[state_->tensor];
    if (bytes.size() > place.bytes - state_->written) {
      fail(ErrorCode::invalid_argument, "{}: tensor {} takes {} bytes, got more",
           state_->file->path().string(), quote(place.name), place.bytes);
    }
    state_->file->write_at(place.begin + state_->written, bytes);
    state_->written += bytes.size();
    bytes = {};
    if (state_->written == place.bytes) {
      ++state_->tensor;
      state_->written = 0;
    }
  }
}

void GgufWriter::finish() {
  if (state_->tensor < state_->places.size()) {
    const State::Place& place = state_->places[state_->tensor];
    fail(ErrorCode::invalid_argument, "{}: tensor {} has {} of its {} bytes",
         state_->file->path().string(), quote(place.name), state_->written, place.bytes);
  }
  state_->file->commit();
}

}  // namespace tarn
