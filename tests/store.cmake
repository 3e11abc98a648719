set(store_tests ${CMAKE_CURRENT_LIST_DIR})
hullscope_test(store_artifact_test SOURCES ${store_tests}/unit/store_artifact_test.cpp
  LIBRARIES hullscope::store hullscope::parallel)
hullscope_test(store_mpi_test SOURCES ${store_tests}/mpi/store_mpi_test.cpp ${store_tests}/mpi/mpi_main.cpp
  LIBRARIES hullscope::store hullscope::parallel GTest::gmock RANKS 1 2 3 5 TIMEOUT 120)

add_executable(store_tool ${store_tests}/support/store_tool.cpp)
hullscope_compile_options(store_tool)
set_target_properties(store_tool PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
target_link_libraries(store_tool PRIVATE hullscope::store hullscope::parallel GTest::gtest)
foreach(script python damage kill)
  hullscope_script_test(store_${script} LABELS mpi TIMEOUT 300
    COMMAND /usr/bin/python3 ${store_tests}/cli/store_${script}.py $<TARGET_FILE:store_tool>
            $<TARGET_FILE:hullscope_job_check>)
endforeach()
