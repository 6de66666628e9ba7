// Writes GGUF version 3 files, atomically and tensor by tensor.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "tarn/io/gguf.h"

namespace tarn {

// What a file will say about itself, in order.
class GgufMetadata {
 public:
  // invalid_argument for a key that is there already, empty or longer than 65535 bytes.
  void add_u32(std::string key, uint32_t value);
  void add_i32(std::string key, int32_t value);
  void add_u64(std::string key, uint64_t value);
  void add_f32(std::string key, float value);
  void add_bool(std::string key, bool value);
  void add_string(std::string key, std::string value);
  void add_strings(std::string key, std::vector<std::string> values);
  void add_i32s(std::string key, std::vector<int32_t> values);
  void add_u32s(std::string key, std::vector<uint32_t> values);
  void add_f32s(std::string key, std::vector<float> values);
  void add_bools(std::string key, std::vector<bool> values);

  using Value = std::variant<uint32_t, int32_t, uint64_t, float, bool, std::string,
                             std::vector<std::string>, std::vector<int32_t>, std::vector<uint32_t>,
                             std::vector<float>, std::vector<bool>>;
  const std::vector<std::pair<std::string, Value>>& entries() const { return entries_; }

 private:
  void add(std::string key, Value value);
  std::vector<std::pair<std::string, Value>> entries_;
};

struct GgufTensorSpec {
  std::string name;
  quant::GgmlType type;
  std::vector<int64_t> shape;  // row-major; rows are multiples of the type's block
};

// The header goes out first; tensors follow in the order of their specs.
class GgufWriter {
 public:
  // `alignment` is a power of two, at least 8. The file appears at `path` when finish() succeeds
  // and not at all otherwise. invalid_argument: two tensors of one name, a name over 63 bytes, more
  // than 4 dimensions, a row that does not fill blocks.
  GgufWriter(const std::filesystem::path& path, const GgufMetadata& metadata,
             const std::vector<GgufTensorSpec>& tensors, uint32_t alignment = 32);
  ~GgufWriter();
  GgufWriter(const GgufWriter&) = delete;
  GgufWriter& operator=(const GgufWriter&) = delete;

  // The next bytes of the next tensor; a tensor may come in several pieces. invalid_argument beyond
  // its end.
  void write(std::span<const std::byte> bytes);
  // invalid_argument when bytes are missing.
  void finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tarn
