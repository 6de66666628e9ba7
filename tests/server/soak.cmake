# Many clients at a server with the embedded model, for 20 seconds. Times are only shown: machines differ.
find_package(Python3 COMPONENTS Interpreter)
if(Python3_FOUND)
  add_test(NAME server.soak
    COMMAND ${Python3_EXECUTABLE} ${PROJECT_SOURCE_DIR}/bench/serve_soak.py --tarn-program $<TARGET_FILE:tarn_cli>
      --minutes 0.33 --threads 1 --max-health-ms 0 --max-growth-mb 0)
  set_tests_properties(server.soak PROPERTIES LABELS soak TIMEOUT 600)
endif()
