# Cross-building for AArch64 Linux on Debian: the packages g++-aarch64-linux-gnu and qemu-user, and
# the libraries that tools/aarch64-sysroot.sh unpacks.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)

get_filename_component(TARN_SYSROOT ${CMAKE_CURRENT_LIST_DIR}/../build/aarch64-sysroot ABSOLUTE)
set(CMAKE_SYSROOT ${TARN_SYSROOT})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
set(ENV{PKG_CONFIG_SYSROOT_DIR} ${TARN_SYSROOT})
set(ENV{PKG_CONFIG_LIBDIR} ${TARN_SYSROOT}/usr/lib/aarch64-linux-gnu/pkgconfig:${TARN_SYSROOT}/usr/share/pkgconfig)

# "max" has every extension that the emulator knows, so that every level of the kernels is tested.
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64 -L ${TARN_SYSROOT} -cpu max)
