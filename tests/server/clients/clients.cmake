# The official clients of the APIs against `tarn serve`, and its OpenAPI description against what it
# answers. TARN_CLIENTS_PYTHON may name an interpreter that has the packages.
find_package(Python3 COMPONENTS Interpreter)
if(Python3_FOUND)
  set(TARN_CLIENTS_PYTHON ${Python3_EXECUTABLE} CACHE FILEPATH "Python that runs the clients of the server's APIs")
  foreach(name clients schema)
    add_test(NAME server.${name}
      COMMAND ${TARN_CLIENTS_PYTHON} ${CMAKE_CURRENT_LIST_DIR}/${name}_test.py $<TARGET_FILE:tarn_cli>)
    set_tests_properties(server.${name} PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 900)
  endforeach()
  # Needs no packages.
  add_test(NAME server.cache_files
    COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/cache_files_test.py $<TARGET_FILE:tarn_cli>)
  set_tests_properties(server.cache_files PROPERTIES TIMEOUT 300)
endif()
