find_library(GMPXX_LIBRARY gmpxx REQUIRED)
set(proof_tests ${CMAKE_CURRENT_LIST_DIR})
hullscope_test(proof_test SOURCES ${proof_tests}/unit/proof_test.cpp LIBRARIES hullscope::proof)
hullscope_test(proof_property_test SOURCES ${proof_tests}/property/proof_property_test.cpp
  LIBRARIES hullscope::proof ${GMPXX_LIBRARY} ${GMP_LIBRARY})
hullscope_test(hull_mutation_test
  SOURCES ${proof_tests}/property/hull_mutation_test.cpp ${CMAKE_SOURCE_DIR}/jobs/hull_file.cpp
  LIBRARIES hullscope::proof hullscope::store hullscope::parallel ${GMPXX_LIBRARY} ${GMP_LIBRARY})
hullscope_test(hull_file_test RANKS 1 2 3 5
  SOURCES ${proof_tests}/mpi/hull_file_test.cpp ${proof_tests}/mpi/mpi_main.cpp ${CMAKE_SOURCE_DIR}/jobs/hull_file.cpp
  LIBRARIES hullscope::proof hullscope::store hullscope::parallel)

# Programs that the scripts drive.
function(proof_helper name)
  cmake_parse_arguments(H "" "" "SOURCES;LIBRARIES" ${ARGN})
  add_executable(${name} ${proof_tests}/support/${name}.cpp ${H_SOURCES})
  hullscope_compile_options(${name})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  target_link_libraries(${name} PRIVATE ${H_LIBRARIES})
endfunction()
proof_helper(solve_exactly LIBRARIES hullscope::proof)
proof_helper(write_hull SOURCES ${CMAKE_SOURCE_DIR}/jobs/hull_file.cpp
  LIBRARIES hullscope::proof hullscope::store hullscope::datasets hullscope::parallel ${GMPXX_LIBRARY} ${GMP_LIBRARY})
proof_helper(flip_bits SOURCES ${CMAKE_SOURCE_DIR}/jobs/hull_file.cpp
  LIBRARIES hullscope::proof hullscope::store hullscope::parallel)

hullscope_script_test(exact_solver_test COMMAND /usr/bin/python3 ${proof_tests}/cli/exact_solver_test.py
  $<TARGET_FILE:solve_exactly>)
hullscope_script_test(verify_test LABELS mpi COST 40 COMMAND /usr/bin/python3 ${proof_tests}/cli/verify_test.py
  $<TARGET_FILE:hullscope_job_verify> $<TARGET_FILE:write_hull> $<TARGET_FILE:flip_bits> ${proof_tests}/mpirun.sh)
hullscope_script_test(proof_stands_alone COMMAND /usr/bin/python3 ${proof_tests}/cli/proof_stands_alone.py
  ${CMAKE_SOURCE_DIR} $<TARGET_FILE:proof_test> $<TARGET_FILE:hullscope_job_verify>)
