set(hull_tests ${CMAKE_CURRENT_LIST_DIR})
hullscope_test(hull_membership_test SOURCES ${hull_tests}/unit/hull_membership_test.cpp
  LIBRARIES hullscope::hull hullscope::proof hullscope::base gmpxx gmp)
if(HULLSCOPE_WITH_QHULL)
  hullscope_test(hull_facets_test SOURCES ${hull_tests}/unit/hull_facets_test.cpp
    LIBRARIES hullscope::hull hullscope::proof hullscope::base gmpxx gmp)
endif()
# QSopt_ex (Debian package libqsopt-ex-dev) solves linear programs exactly: an oracle written by others.
hullscope_test(hull_property_test SOURCES ${hull_tests}/property/hull_property_test.cpp
  LIBRARIES hullscope::hull hullscope::proof hullscope::base qsopt_ex gmpxx gmp)
if(HULLSCOPE_WITH_PETSC)
  hullscope_test(hull_tao_test SOURCES ${hull_tests}/unit/hull_tao_test.cpp
    LIBRARIES hullscope::hull hullscope::proof hullscope::base)
endif()
if(TARGET hullscope_job_membership)
  hullscope_script_test(hull_membership_on_ranks LABELS mpi TIMEOUT 600
    COMMAND /usr/bin/python3 ${hull_tests}/mpi/hull_membership_ranks.py
      ${CMAKE_BINARY_DIR}/libexec/hullscope ${hull_tests}/mpirun.sh)
endif()
if(TARGET hullscope_job_hull)
  hullscope_script_test(hull_stage_kill LABELS mpi crash TIMEOUT 600
    COMMAND /usr/bin/python3 ${hull_tests}/crash/hull_stage_kill.py
      ${CMAKE_BINARY_DIR}/libexec/hullscope ${hull_tests}/mpirun.sh)
endif()
