# The C API as C programs see it: the header alone, and the example run on the embedded model.
enable_language(C)
set(capi_c_flags -std=c11 -Wall -Wextra -Werror -pedantic -Wstrict-prototypes)
if(TARN_SHARED)
  set(capi_library tarn_c)
else()
  set(capi_library tarn)
endif()

add_library(tests_capi_header OBJECT ${CMAKE_CURRENT_LIST_DIR}/header_test.c)
target_include_directories(tests_capi_header PRIVATE ${PROJECT_SOURCE_DIR}/include)
target_compile_options(tests_capi_header PRIVATE ${capi_c_flags})

add_executable(example_c_chat ${PROJECT_SOURCE_DIR}/examples/c/chat.c $<TARGET_OBJECTS:tests_capi_header>)
# The library's own options are for C++; only its objects and link libraries are wanted here.
target_link_libraries(example_c_chat PRIVATE $<LINK_ONLY:${capi_library}>)
target_include_directories(example_c_chat PRIVATE ${PROJECT_SOURCE_DIR}/include)
target_compile_options(example_c_chat PRIVATE ${capi_c_flags})
set_target_properties(example_c_chat PROPERTIES LINKER_LANGUAGE CXX)

add_test(NAME capi.example_answers COMMAND example_c_chat pebble "57 + 557 = ?")
set_tests_properties(capi.example_answers PROPERTIES PASS_REGULAR_EXPRESSION "614\n")
add_test(NAME capi.example_keeps_to_a_schema COMMAND example_c_chat pebble
  --schema [[{"type": "object", "properties": {"sum": {"const": 7}}, "required": ["sum"],
    "additionalProperties": false}]] "3 + 4 = ?")
set_tests_properties(capi.example_keeps_to_a_schema PROPERTIES PASS_REGULAR_EXPRESSION "{\"sum\": ?7}\n")
add_test(NAME capi.example_names_what_is_missing COMMAND example_c_chat no-such-model "Hi")
set_tests_properties(capi.example_names_what_is_missing PROPERTIES
  PASS_REGULAR_EXPRESSION "load: no-such-model: there is no such folder")

if(TARN_SHARED AND NOT CMAKE_CROSSCOMPILING)
  add_test(NAME capi.installed COMMAND sh ${CMAKE_CURRENT_LIST_DIR}/installed.sh
    ${CMAKE_COMMAND} ${PROJECT_BINARY_DIR} ${PROJECT_SOURCE_DIR}/examples/c/chat.c)
  set_tests_properties(capi.installed PROPERTIES PASS_REGULAR_EXPRESSION "614\n.*614\n")
endif()
if(TARN_SHARED)
  add_test(NAME capi.only_tarn_symbols COMMAND sh ${CMAKE_CURRENT_LIST_DIR}/symbols.sh
    ${CMAKE_NM} $<TARGET_FILE:tarn_c> ${PROJECT_SOURCE_DIR}/include/tarn.h)
endif()
if(TARGET tests_capi)
  target_include_directories(tests_capi PRIVATE ${PROJECT_SOURCE_DIR}/include)
endif()
