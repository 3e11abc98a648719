set(hull_tests ${CMAKE_CURRENT_LIST_DIR})
hullscope_test(hull_membership_test SOURCES ${hull_tests}/unit/hull_membership_test.cpp
  LIBRARIES hullscope::hull hullscope::proof hullscope::base gmpxx gmp)
if(HULLSCOPE_WITH_QHULL)
  hullscope_test(hull_facets_test SOURCES ${hull_tests}/unit/hull_facets_test.cpp
    LIBRARIES hullscope::hull hullscope::proof hullscope::base gmpxx gmp)
endif()
hullscope_script_test(hull_further LABELS mpi TIMEOUT 300
  COMMAND /usr/bin/python3 ${hull_tests}/cli/hull_further_test.py)
hullscope_test(hull_batched_test SOURCES ${hull_tests}/unit/hull_batched_test.cpp
  LIBRARIES hullscope::hull hullscope::proof hullscope::base)
hullscope_test(hull_digits_test SOURCES ${hull_tests}/unit/hull_digits_test.cpp
  LIBRARIES hullscope::hull hullscope::base)
hullscope_test(hull_pricing_test SOURCES ${hull_tests}/unit/hull_pricing_test.cpp
  LIBRARIES hullscope::hull hullscope::proof hullscope::base)
# QSopt_ex (Debian package libqsopt-ex-dev) solves linear programs exactly: an oracle written by others.
hullscope_test(hull_property_test SOURCES ${hull_tests}/property/hull_property_test.cpp
  LIBRARIES hullscope::hull hullscope::proof hullscope::base qsopt_ex gmpxx gmp)
hullscope_test(hull_spread_test SOURCES ${hull_tests}/mpi/hull_spread_test.cpp ${hull_tests}/mpi/mpi_main.cpp
  LIBRARIES hullscope::hull hullscope::proof hullscope::parallel hullscope::base gmpxx gmp RANKS 1 2 3 5)
if(HULLSCOPE_WITH_PETSC)
  find_package(MPI REQUIRED COMPONENTS C)
  target_compile_definitions(hull_spread_test PRIVATE HULLSCOPE_TEST_TAO=1)
  # What each type costs; run by benchmarks/tao/run.py.
  add_executable(tao_types ${CMAKE_SOURCE_DIR}/benchmarks/tao/tao_types.cpp)
  hullscope_compile_options(tao_types)
  set_target_properties(tao_types PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  target_link_libraries(tao_types PRIVATE hullscope::hull PkgConfig::PETSC MPI::MPI_C)
  hullscope_script_test(tao_benchmark LABELS docs TIMEOUT 120
    COMMAND /usr/bin/python3 ${CMAKE_SOURCE_DIR}/benchmarks/tao/run.py $<TARGET_FILE:tao_types> --tiny --dimensions 3
      --queries 2 --limit 5 --types hullscope,blmvm)
  set_tests_properties(tao_benchmark PROPERTIES PASS_REGULAR_EXPRESSION "PCA 3 . hullscope .[^\n]* 2 of 2 . [0-9]")
  hullscope_test(hull_tao_test SOURCES ${hull_tests}/unit/hull_tao_test.cpp
    LIBRARIES hullscope::hull hullscope::proof hullscope::base)
  hullscope_test(tao_type_test SOURCES ${hull_tests}/mpi/tao_type_test.cpp ${hull_tests}/mpi/mpi_main.cpp
    LIBRARIES hullscope::hull hullscope::parallel hullscope::base PkgConfig::PETSC MPI::MPI_C RANKS 1 2 3 5)
  # A PETSc program in C, as other people write them.
  add_executable(petsc_hull ${CMAKE_SOURCE_DIR}/examples/petsc_hull.c)
  hullscope_compile_options(petsc_hull)
  set_target_properties(petsc_hull PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests LINKER_LANGUAGE CXX)
  target_link_libraries(petsc_hull PRIVATE hullscope::hull PkgConfig::PETSC MPI::MPI_C)
  hullscope_script_test(petsc_hull_example LABELS mpi TIMEOUT 300
    COMMAND /usr/bin/python3 ${hull_tests}/mpi/petsc_hull_example.py $<TARGET_FILE:petsc_hull> ${hull_tests}/mpirun.sh)
endif()
if(TARGET hullscope_job_membership)
  hullscope_script_test(hull_membership_on_ranks LABELS mpi TIMEOUT 600 COST 30
    COMMAND /usr/bin/python3 ${hull_tests}/mpi/hull_membership_ranks.py
      ${CMAKE_BINARY_DIR}/libexec/hullscope ${hull_tests}/mpirun.sh)
endif()
if(TARGET hullscope_job_hull AND TARGET hullscope_job_membership)
  hullscope_script_test(hull_spread_on_ranks LABELS mpi crash TIMEOUT 900 COST 60
    COMMAND /usr/bin/python3 ${hull_tests}/mpi/hull_spread_ranks.py
      ${CMAKE_BINARY_DIR}/libexec/hullscope ${hull_tests}/mpirun.sh)
endif()
if(TARGET hullscope_job_hull)
  hullscope_script_test(hull_stage_kill LABELS mpi crash TIMEOUT 600 COST 50
    COMMAND /usr/bin/python3 ${hull_tests}/crash/hull_stage_kill.py
      ${CMAKE_BINARY_DIR}/libexec/hullscope ${hull_tests}/mpirun.sh)
endif()
if(TARGET hullscope_job_membership)
  hullscope_script_test(hull_benchmark LABELS cli TIMEOUT 300
    COMMAND /usr/bin/python3 ${hull_tests}/cli/hull_benchmark.py ${CMAKE_BINARY_DIR}/bin/hullscope)
endif()
