// The border between C++ and C: exceptions become status codes, C structs of any age become whole
// ones, what is handed out is made here.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <string_view>
#include <vector>

#include "tarn.h"
#include "tarn/base/error.h"
#include "tarn/base/json.h"

namespace tarn::capi {

// Remembers the exception that is being handled as this thread's last error. Never throws.
tarn_status report_exception() noexcept;

// Runs `f`; what it throws becomes a status.
template <typename F>
tarn_status guard(F&& f) noexcept {
  try {
    f();
    return TARN_OK;
  } catch (...) {
    return report_exception();
  }
}

// Error(invalid_argument) that names the parameter.
void require(const void* pointer, std::string_view name);

// A C enumeration as a number: what callers pass may be none of its values.
template <typename E>
int number(const E& value) {
  static_assert(sizeof(E) == sizeof(int));
  int result = 0;
  std::memcpy(&result, &value, sizeof(result));
  return result;
}

// Error(invalid_argument) where a size field says less than the first version of the struct had, or
// more than this library knows.
void check_size(size_t given, size_t first, size_t known, std::string_view name);

// The caller's struct on top of the defaults; `given` may be null.
template <typename T>
T over_defaults(const T* given, T defaults, size_t first, std::string_view name) {
  if (given == nullptr) return defaults;
  size_t size = 0;
  std::memcpy(&size, given, sizeof(size));
  check_size(size, first, sizeof(T), name);
  std::memcpy(&defaults, given, size);
  return defaults;
}

// The other way: as much as the caller's struct holds, but for its size.
template <typename T>
void fill(T* to, const T& from, size_t first, std::string_view name) {
  size_t size = 0;
  std::memcpy(&size, to, sizeof(size));
  check_size(size, first, sizeof(T), name);
  std::memcpy(reinterpret_cast<char*>(to) + sizeof(size),
              reinterpret_cast<const char*>(&from) + sizeof(size), size - sizeof(size));
}

// For the ..._init functions: as much of the defaults as fits, zeros behind them.
template <typename T>
void init(T* to, size_t size, T defaults) {
  if (to == nullptr || size < sizeof(size_t)) return;
  defaults.size = size;
  std::memset(to, 0, size);
  std::memcpy(to, &defaults, std::min(size, sizeof(T)));
}

// Copies for tarn_free; throw bad_alloc.
char* copy_text(std::string_view text);
void* copy_bytes(const void* data, size_t bytes);

// The document that a parameter holds; invalid_argument when it is none.
ordered_json parse_parameter(const char* text, std::string_view name);

}  // namespace tarn::capi
