// The project's one logger: whole lines on stderr, so that stdout stays the program's answer.
#pragma once

#include <fmt/core.h>

namespace tarn::logging {

enum class Level { debug, info, warn, error, off };

void set_level(Level level);
Level level();
void write(Level level, fmt::string_view format, fmt::format_args args);

template <typename... Args>
void debug(fmt::format_string<Args...> format, Args&&... args) {
  if (level() <= Level::debug) write(Level::debug, format, fmt::make_format_args(args...));
}
template <typename... Args>
void info(fmt::format_string<Args...> format, Args&&... args) {
  if (level() <= Level::info) write(Level::info, format, fmt::make_format_args(args...));
}
template <typename... Args>
void warn(fmt::format_string<Args...> format, Args&&... args) {
  if (level() <= Level::warn) write(Level::warn, format, fmt::make_format_args(args...));
}

}  // namespace tarn::logging
