#include "tarn/capi/border.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <new>
#include <system_error>

#include "tarn/lm/engine.h"

namespace tarn::capi {
namespace {

// No allocation: lack of memory has to be reported too.
thread_local std::array<char, 2048> last_error{};

void remember(std::string_view message) noexcept {
  size_t length = std::min(message.size(), last_error.size() - 1);
  // Not within a character.
  while (length < message.size() && length > 0 &&
         (static_cast<unsigned char>(message[length]) & 0xC0U) == 0x80) {
    --length;
  }
  std::copy_n(message.data(), length, last_error.data());
  last_error[length] = '\0';
}

tarn_status status_of(ErrorCode code) noexcept {
  switch (code) {
    case ErrorCode::invalid_argument:
      return TARN_INVALID_ARGUMENT;
    case ErrorCode::not_found:
      return TARN_NOT_FOUND;
    case ErrorCode::corrupt:
      return TARN_CORRUPT;
    case ErrorCode::unsupported:
      return TARN_UNSUPPORTED;
    case ErrorCode::out_of_memory:
      return TARN_OUT_OF_MEMORY;
    case ErrorCode::io:
      return TARN_IO;
    case ErrorCode::cancelled:
    case ErrorCode::internal:
      break;
  }
  return TARN_INTERNAL;
}

}  // namespace

tarn_status report_exception() noexcept {
  try {
    throw;
  } catch (const Overloaded& error) {
    remember(error.what());
    return TARN_BUSY;
  } catch (const Error& error) {
    remember(error.what());
    return status_of(error.code());
  } catch (const std::bad_alloc&) {
    remember("memory: the system has no more; ask for less or close other programs");
    return TARN_OUT_OF_MEMORY;
  } catch (const std::system_error& error) {
    remember(error.what());
    return TARN_IO;
  } catch (const std::exception& error) {
    remember(error.what());
    return TARN_INTERNAL;
  } catch (...) {
    remember("internal: something that is no error was thrown; this is a bug of Tarn's");
    return TARN_INTERNAL;
  }
}

void require(const void* pointer, std::string_view name) {
  if (pointer == nullptr) fail(ErrorCode::invalid_argument, "{}: it is null; pass one", name);
}

void check_size(size_t given, size_t first, size_t known, std::string_view name) {
  if (given < first) {
    fail(ErrorCode::invalid_argument,
         "{0}: its size field says {1}, and no version of it was below {2}; begin with "
         "{0}_default()",
         name, given, first);
  }
  if (given > known) {
    fail(ErrorCode::invalid_argument,
         "{}: its size field says {}, and this library knows {}: the program was compiled for a "
         "newer Tarn, or the struct was not begun with {}_default(); update the library",
         name, given, known, name);
  }
}

void* copy_bytes(const void* data, size_t bytes) {
  void* copy = std::malloc(std::max<size_t>(bytes, 1));
  if (copy == nullptr) throw std::bad_alloc();
  if (bytes > 0) std::memcpy(copy, data, bytes);
  return copy;
}

char* copy_text(std::string_view text) {
  auto* copy = static_cast<char*>(std::malloc(text.size() + 1));
  if (copy == nullptr) throw std::bad_alloc();
  std::copy(text.begin(), text.end(), copy);
  copy[text.size()] = '\0';
  return copy;
}

ordered_json parse_parameter(const char* text, std::string_view name) {
  try {
    return parse_ordered_json(text, name);
  } catch (const Error& error) {
    throw Error(ErrorCode::invalid_argument, error.what());
  }
}

}  // namespace tarn::capi

const char* tarn_last_error(void) { return tarn::capi::last_error.data(); }

const char* tarn_status_name(tarn_status status) {
  static constexpr std::array<const char*, 9> names{"ok",      "invalid argument", "not found",
                                                    "corrupt", "unsupported",      "out of memory",
                                                    "busy",    "input or output",  "internal"};
  const auto index = static_cast<size_t>(tarn::capi::number(status));
  return index < names.size() ? names[index] : "unknown";
}

void tarn_free(void* memory) { std::free(memory); }
