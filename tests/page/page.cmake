# The chat page in a browser. TARN_PAGE_PYTHON may name an interpreter that has playwright.
find_package(Python3 COMPONENTS Interpreter)
if(Python3_FOUND)
  set(TARN_PAGE_PYTHON ${Python3_EXECUTABLE} CACHE FILEPATH "Python that runs the tests of the chat page")
  add_test(NAME page.browser
    COMMAND ${TARN_PAGE_PYTHON} ${CMAKE_CURRENT_LIST_DIR}/page_test.py
      ${PROJECT_BINARY_DIR}/src/tarn/server/page_files.cpp.txt ${PROJECT_SOURCE_DIR}/src/tarn/server/page/files.h)
  set_tests_properties(page.browser PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 600)
endif()
