// What tokenizing a text gives.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace tarn::text {

// Parallel vectors, one element a token.
struct Encoding {
  std::vector<int32_t> ids;
  std::vector<int32_t> type_ids;
  std::vector<std::string> tokens;  // as the vocabulary spells them; unknown text as it stood
  std::vector<std::pair<uint32_t, uint32_t>> offsets;  // in code points of the text; added (0, 0)

  size_t size() const { return ids.size(); }
  void add(int32_t id, int32_t type_id, std::string token, std::pair<uint32_t, uint32_t> offset);
  void append(const Encoding& other);
  void set_type_ids(int32_t type_id);
};

}  // namespace tarn::text
