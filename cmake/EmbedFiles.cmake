# Embeds files into a C++ source, byte for byte. Used twice: included, it offers tarn_embed_files;
# run by `cmake -P` while building, it writes that source.
#
#   tarn_embed_files(OUTPUT page_files.cpp TEMPLATE files.cpp.in FILES path=file path=file ...)
#
# writes OUTPUT from TEMPLATE, whose @TARN_EMBEDDED_BYTES@ becomes an array for each file and whose
# @TARN_EMBEDDED_ENTRIES@ becomes {path, content type, bytes, etag} for each, sorted by path. Beside
# OUTPUT stands OUTPUT.txt, the list `path<TAB>content type<TAB>file`, for tests that serve the
# files as they are.

function(tarn_content_type result path)
  set(html "text/html; charset=utf-8")
  set(js "text/javascript; charset=utf-8")
  set(css "text/css; charset=utf-8")
  set(txt "text/plain; charset=utf-8")
  set(svg "image/svg+xml")
  set(woff2 "font/woff2")
  string(REGEX REPLACE "^.*\\." "" extension ${path})
  if(NOT extension MATCHES "^(html|js|css|txt|svg|woff2)$")
    message(FATAL_ERROR "EmbedFiles: ${path}: no content type is known for .${extension}: add one to cmake/EmbedFiles.cmake")
  endif()
  set(${result} "${${extension}}" PARENT_SCOPE)
endfunction()

function(tarn_embed_files)
  cmake_parse_arguments(EMBED "" "OUTPUT;TEMPLATE" "FILES" ${ARGN})
  list(SORT EMBED_FILES)
  set(list_text "")
  set(depends ${CMAKE_CURRENT_FUNCTION_LIST_FILE} ${EMBED_TEMPLATE})
  foreach(entry IN LISTS EMBED_FILES)
    string(REGEX MATCH "^([^=]+)=(.*)$" matched ${entry})
    set(path ${CMAKE_MATCH_1})
    set(file ${CMAKE_MATCH_2})
    if(path STREQUAL "/")
      tarn_content_type(content_type index.html)
    else()
      tarn_content_type(content_type ${path})
    endif()
    string(APPEND list_text "${path}\t${content_type}\t${file}\n")
    list(APPEND depends ${file})
  endforeach()
  # Written only when it differs, so that configuring again builds nothing again.
  file(CONFIGURE OUTPUT ${EMBED_OUTPUT}.txt CONTENT "${list_text}" @ONLY)
  add_custom_command(OUTPUT ${EMBED_OUTPUT}
    COMMAND ${CMAKE_COMMAND} -DLIST=${EMBED_OUTPUT}.txt -DTEMPLATE=${EMBED_TEMPLATE} -DOUTPUT=${EMBED_OUTPUT}
      -P ${CMAKE_CURRENT_FUNCTION_LIST_FILE}
    DEPENDS ${depends} ${EMBED_OUTPUT}.txt COMMENT "Embedding ${EMBED_OUTPUT}" VERBATIM)
  # C++ sets no limit to the length of a literal; Clang's pedantry states that of C.
  set_source_files_properties(${EMBED_OUTPUT} PROPERTIES COMPILE_OPTIONS "-Wno-overlength-strings")
endfunction()

if(NOT CMAKE_SCRIPT_MODE_FILE STREQUAL CMAKE_CURRENT_LIST_FILE)
  return()
endif()

file(STRINGS ${LIST} lines ENCODING UTF-8)
set(number 0)
foreach(line IN LISTS lines)
  string(REGEX MATCH "^([^\t]*)\t([^\t]*)\t(.*)$" matched "${line}")
  set(path "${CMAKE_MATCH_1}")
  set(content_type "${CMAKE_MATCH_2}")
  set(file "${CMAKE_MATCH_3}")
  file(SHA256 ${file} hash)
  string(SUBSTRING ${hash} 0 32 hash)
  file(SIZE ${file} size)
  file(READ ${file} hex HEX)
  # A literal compiles many times faster than a list of numbers.
  string(REGEX REPLACE "(..)" "\\\\x\\1" literal "${hex}")
  string(APPEND TARN_EMBEDDED_BYTES "constexpr char kBytes${number}[] =\n    \"${literal}\";\n")
  string(APPEND TARN_EMBEDDED_ENTRIES
    "    {\"${path}\", \"${content_type}\", {kBytes${number}, ${size}}, \"\\\"${hash}\\\"\"},\n")
  math(EXPR number "${number} + 1")
endforeach()
configure_file(${TEMPLATE} ${OUTPUT} @ONLY)
