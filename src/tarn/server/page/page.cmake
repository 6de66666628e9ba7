# The chat page: our files as they lie here, and the libraries of others as the system packages
# them. Defines TARN_PAGE_SOURCE, the C++ source that embeds both.
include(EmbedFiles)

set(page_folder ${CMAKE_CURRENT_LIST_DIR})
set(page_entries "/=${page_folder}/index.html")

file(GLOB own_files RELATIVE ${page_folder} CONFIGURE_DEPENDS
  ${page_folder}/*.svg ${page_folder}/app/*.js ${page_folder}/style/*.css)
foreach(own_file IN LISTS own_files)
  list(APPEND page_entries "/page/${own_file}=${page_folder}/${own_file}")
endforeach()

# tarn_page_library(PATH name PACKAGE package CANDIDATES name... FOLDERS folder...)
# A file that any of the folders holds under any of the names; -DTARN_PAGE_<name>=file overrides.
function(tarn_page_library path package names folders)
  string(MAKE_C_IDENTIFIER "TARN_PAGE_${path}" variable)
  string(TOUPPER ${variable} variable)
  find_file(${variable} NAMES ${names} PATHS ${folders} NO_CMAKE_FIND_ROOT_PATH NO_DEFAULT_PATH)
  if(NOT ${variable})
    message(FATAL_ERROR "The chat page needs ${names}, which none of these folders has: ${folders}. "
      "Install Debian's package ${package} (tools/install-deps.sh does) or name the file with -D${variable}=...")
  endif()
  set(page_entries ${page_entries} "/page/lib/${path}=${${variable}}" PARENT_SCOPE)
endfunction()

set(javascript /usr/share/javascript)
tarn_page_library(marked.js libjs-marked marked.umd.min.js ${javascript}/marked)
tarn_page_library(highlight.js libjs-highlight.js highlight.min.js ${javascript}/highlight.js)
tarn_page_library(katex.js libjs-katex katex.js ${javascript}/katex)
tarn_page_library(katex.css libjs-katex katex.min.css ${javascript}/katex)
foreach(font AMS-Regular Caligraphic-Bold Caligraphic-Regular Fraktur-Bold Fraktur-Regular Main-Bold Main-BoldItalic
    Main-Italic Main-Regular Math-BoldItalic Math-Italic SansSerif-Bold SansSerif-Italic SansSerif-Regular
    Script-Regular Size1-Regular Size2-Regular Size3-Regular Size4-Regular Typewriter-Regular)
  tarn_page_library(fonts/KaTeX_${font}.woff2 fonts-katex KaTeX_${font}.woff2
    "/usr/share/fonts/truetype/katex;${javascript}/katex/fonts")
endforeach()
# Their licences, which ask to travel along (those of the fonts stand with KaTeX).
foreach(package libjs-marked libjs-highlight.js libjs-katex)
  tarn_page_library(licences/${package}.txt ${package} copyright /usr/share/doc/${package})
endforeach()

set(TARN_PAGE_SOURCE ${CMAKE_CURRENT_BINARY_DIR}/server/page_files.cpp)
tarn_embed_files(OUTPUT ${TARN_PAGE_SOURCE} TEMPLATE ${page_folder}/page_files.cpp.in FILES ${page_entries})
