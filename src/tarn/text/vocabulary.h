// Tokens and their ids, both ways.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tarn::text {

class Vocabulary {
 public:
  struct Entry {
    std::string token;
    int32_t id;
  };

  Vocabulary() = default;
  // A token or an id that appears twice is an error. Ids may leave holes.
  Vocabulary(std::vector<Entry> entries, std::string_view where);

  std::optional<int32_t> id(std::string_view token) const;
  std::optional<std::string_view> token(int32_t id) const;
  int32_t size() const { return static_cast<int32_t>(entries_.size()); }
  int32_t id_limit() const { return id_limit_; }
  const std::vector<Entry>& entries() const { return entries_; }

 private:
  std::vector<Entry> entries_;     // by id
  std::vector<uint32_t> buckets_;  // open addressing over `entries_`, a power of two
  bool dense_ = true;              // ids are 0, 1, 2, ...
  int32_t id_limit_ = 0;
};

}  // namespace tarn::text
