# Families with known answers through the public header, its example program, and the files that membership makes.
hullscope_test(hull_families_test SOURCES ${CMAKE_CURRENT_LIST_DIR}/property/hull_families_test.cpp
  LIBRARIES hullscope::hull hullscope::proof hullscope::base gmpxx gmp)
add_executable(hull_example ${CMAKE_SOURCE_DIR}/examples/hull/main.cpp)
target_link_libraries(hull_example PRIVATE hullscope::hull)
hullscope_script_test(hull_example LABELS docs COMMAND sh -c
  "'$<TARGET_FILE:hull_example>' | diff - '${CMAKE_SOURCE_DIR}/examples/hull/expected.txt'")
if(TARGET hullscope_job_membership)
  hullscope_script_test(hull_files LABELS mpi COST 40 COMMAND /usr/bin/python3 ${CMAKE_CURRENT_LIST_DIR}/cli/hull_files_test.py
    $<TARGET_FILE:hullscope_job_membership> $<TARGET_FILE:hullscope_job_verify> $<TARGET_FILE:hullscope_job_check>
    $<TARGET_FILE:flip_bits> ${CMAKE_CURRENT_LIST_DIR}/mpirun.sh)
endif()
