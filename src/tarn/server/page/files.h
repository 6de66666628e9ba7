// The chat page, embedded: what `tarn serve` answers to GET for everything that is no API.
#pragma once

#include <span>
#include <string_view>

namespace tarn::server {

struct PageFile {
  std::string_view path;          // as requested, without query: "/" or "/page/..."
  std::string_view content_type;  // for Content-Type, charset included where one applies
  std::string_view bytes;         // the body
  std::string_view etag;  // strong, with its quotes: for ETag, and to hold If-None-Match against
};

// To be sent with every file as Content-Security-Policy. Nothing runs that this server did not
// send, nothing is fetched from anywhere else, and no string of a script becomes markup (trusted
// types): the page makes elements, never HTML.
inline constexpr std::string_view kPageSecurityPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

// Paths carry no version: browsers keep a copy and ask whether its ETag still holds.
inline constexpr std::string_view kPageCacheControl = "no-cache";

// Every file of the page, sorted by path. Lives as long as the program.
std::span<const PageFile> page_files();

// The file at `path`, or null when the page has none there.
const PageFile* find_page_file(std::string_view path);

}  // namespace tarn::server
