set(parallel_tests ${CMAKE_CURRENT_LIST_DIR})
hullscope_test(parallel_test SOURCES ${parallel_tests}/mpi/parallel_test.cpp ${parallel_tests}/mpi/mpi_main.cpp
  LIBRARIES hullscope::parallel RANKS 1 2 3 5 TIMEOUT 60)
# The same on one machine that is taken for several nodes, of one and of two ranks.
foreach(case 3:1 5:2)
  string(REPLACE ":" ";" case ${case})
  list(GET case 0 ranks)
  list(GET case 1 node_ranks)
  set(name parallel_test.${ranks}ranks.nodes_of_${node_ranks})
  add_test(NAME ${name} COMMAND ${CMAKE_SOURCE_DIR}/tests/mpirun.sh ${ranks} $<TARGET_FILE:parallel_test>)
  set_tests_properties(${name} PROPERTIES TIMEOUT 60 LABELS mpi PROCESSORS 2
    ENVIRONMENT HULLSCOPE_NODE_RANKS=${node_ranks})
endforeach()

add_executable(failing_program ${parallel_tests}/mpi/failing_program.cpp)
hullscope_compile_options(failing_program)
set_target_properties(failing_program PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
target_link_libraries(failing_program PRIVATE hullscope::parallel)
hullscope_script_test(parallel_failures LABELS mpi TIMEOUT 200
  COMMAND /usr/bin/python3 ${parallel_tests}/cli/parallel_failures.py $<TARGET_FILE:failing_program>)
hullscope_script_test(parallel_small_shm LABELS mpi TIMEOUT 120
  COMMAND ${parallel_tests}/cli/parallel_small_shm.sh $<TARGET_FILE:failing_program>)
set_tests_properties(parallel_small_shm PROPERTIES SKIP_RETURN_CODE 77)
hullscope_script_test(parallel_progress LABELS mpi TIMEOUT 120
  COMMAND /usr/bin/python3 ${parallel_tests}/cli/parallel_progress.py $<TARGET_FILE:failing_program>)
