# Compile options that every target of the project shares.
add_library(tarn_options INTERFACE)
target_compile_options(tarn_options INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor)
if(TARN_WERROR)
  target_compile_options(tarn_options INTERFACE -Werror)
endif()

# The baseline of a release binary: x86-64-v3, or any AArch64. Anything above it lives in files named
# *_avx512.cpp, *_neon_dotprod.cpp and the like, is compiled with its own flags and is reached only
# through run-time dispatch (tarn/cpu/isa/isa.h).
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  target_compile_options(tarn_options INTERFACE -march=x86-64-v3)
  set(TARN_X86 ON)
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64|ARM64")
  set(TARN_ARM64 ON)
endif()
# The same input gives the same bits in every variant: no contraction that the source does not ask for.
target_compile_options(tarn_options INTERFACE -ffp-contract=off -fno-math-errno)

if(TARN_SANITIZE)
  target_compile_options(tarn_options INTERFACE
    -fsanitize=${TARN_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  # GCC finds uninitialized values in the standard library's headers where a sanitizer changes the code.
  target_compile_options(tarn_options INTERFACE $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
  target_link_options(tarn_options INTERFACE -fsanitize=${TARN_SANITIZE})
  if(TARN_SANITIZE MATCHES "thread")
    # The sanitizer does not know fences; Asio's queues are behind mutexes besides.
    target_compile_definitions(tarn_options INTERFACE BOOST_ASIO_DISABLE_FENCED_BLOCK)
  endif()
endif()

# Flags for the sources of one instruction set, by file name.
function(tarn_isa_flags)
  foreach(source IN LISTS ARGN)
    if(source MATCHES "_avx512\\.cpp$")
      set_source_files_properties(${source} PROPERTIES COMPILE_OPTIONS
        "-mavx512f;-mavx512bw;-mavx512dq;-mavx512vl;-mavx512vnni;-mavx512vbmi;-mprefer-vector-width=512")
    elseif(source MATCHES "_avx512bf16\\.cpp$")
      set_source_files_properties(${source} PROPERTIES COMPILE_OPTIONS
        "-mavx512f;-mavx512bw;-mavx512dq;-mavx512vl;-mavx512vnni;-mavx512vbmi;-mavx512bf16;-mprefer-vector-width=512")
    elseif(source MATCHES "_neon_dotprod\\.cpp$")
      set_source_files_properties(${source} PROPERTIES COMPILE_OPTIONS "-march=armv8.2-a+dotprod")
    elseif(source MATCHES "_neon_i8mm\\.cpp$")
      set_source_files_properties(${source} PROPERTIES COMPILE_OPTIONS "-march=armv8.2-a+dotprod+i8mm")
    endif()
  endforeach()
endfunction()
