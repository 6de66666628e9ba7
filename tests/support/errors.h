// What a call complains about.
#pragma once

#include <string>

#include "tarn/base/error.h"

namespace tarn {

// The message of the Error that `call` throws; "no error" when it returns.
template <typename Call>
std::string error_of(const Call& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace tarn
