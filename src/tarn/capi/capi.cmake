# The C API: part of the static library, and a shared library of its own that shows only tarn_*.
file(GLOB TARN_CAPI_SOURCES CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/*.cpp)
add_library(tarn_capi OBJECT ${TARN_CAPI_SOURCES})
target_compile_definitions(tarn_capi PRIVATE TARN_VERSION="${PROJECT_VERSION}")
target_include_directories(tarn_capi PUBLIC ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/include)
target_link_libraries(tarn_capi PUBLIC tarn_options fmt::fmt nlohmann_json::nlohmann_json)
if(NOT TARN_SHARED)
  return()
endif()
set_target_properties(tarn_capi PROPERTIES
  POSITION_INDEPENDENT_CODE ON CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)

add_library(tarn_c SHARED $<TARGET_OBJECTS:tarn_capi>)
set_target_properties(tarn_c PROPERTIES LINKER_LANGUAGE CXX
  VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}
  LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/lib PUBLIC_HEADER ${PROJECT_SOURCE_DIR}/include/tarn.h)
target_include_directories(tarn_c INTERFACE
  $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<INSTALL_INTERFACE:include>)
target_link_libraries(tarn_c PRIVATE tarn)
if(NOT APPLE)
  # Templates of the standard library are instantiated with default visibility: the script hides them.
  target_link_options(tarn_c PRIVATE -Wl,--as-needed
    -Wl,--version-script=${CMAKE_CURRENT_LIST_DIR}/exports.map)
  set_target_properties(tarn_c PROPERTIES LINK_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/exports.map)
endif()

# What is installed may be moved: the prefix is found from where the file lies.
file(RELATIVE_PATH TARN_PC_PREFIX /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
configure_file(${CMAKE_CURRENT_LIST_DIR}/tarn.pc.in ${PROJECT_BINARY_DIR}/tarn.pc @ONLY)
install(TARGETS tarn_c
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
  PUBLIC_HEADER DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(FILES ${PROJECT_BINARY_DIR}/tarn.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
