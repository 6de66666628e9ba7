#include "tarn/text/encoding.h"

namespace tarn::text {

void Encoding::add(int32_t id, int32_t type_id, std::string token,
                   std::pair<uint32_t, uint32_t> offset) {
  ids.push_back(id);
  type_ids.push_back(type_id);
  tokens.push_back(std::move(token));
  offsets.push_back(offset);
}

void Encoding::append(const Encoding& other) {
  ids.insert(ids.end(), other.ids.begin(), other.ids.end());
  type_ids.insert(type_ids.end(), other.type_ids.begin(), other.type_ids.end());
  tokens.insert(tokens.end(), other.tokens.begin(), other.tokens.end());
  offsets.insert(offsets.end(), other.offsets.begin(), other.offsets.end());
}

void Encoding::set_type_ids(int32_t type_id) { type_ids.assign(ids.size(), type_id); }

}  // namespace tarn::text
