# The three kinds of target of this project: rooms (libraries of src/), stage programs and tests.

# Flags that every target shares. No -march: a binary built here starts on any x86-64, and the hot loops
# choose their instruction set at run time (OpenBLAS, target_clones). No contraction: rounding bounds and
# equal results on every rank count need the arithmetic that is written.
function(hullscope_compile_options target)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic -Wshadow -Wno-psabi -ffp-contract=off)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(${target} PRIVATE -Wno-restrict)  # false alarms on std::string in GCC 12 (bug 105329)
  endif()
  if(HULLSCOPE_WERROR)
    target_compile_options(${target} PRIVATE -Werror)
  endif()
endfunction()

# hullscope_room(NAME SOURCES a.cpp ... PUBLIC libs PRIVATE libs)
# The library of one room, hullscope_NAME (alias hullscope::NAME); headers are included as <hullscope/NAME/...>.
function(hullscope_room name)
  cmake_parse_arguments(ROOM "" "" "SOURCES;PUBLIC;PRIVATE" ${ARGN})
  add_library(hullscope_${name} STATIC ${ROOM_SOURCES})
  add_library(hullscope::${name} ALIAS hullscope_${name})
  set_target_properties(hullscope_${name} PROPERTIES EXPORT_NAME ${name})
  target_compile_features(hullscope_${name} PUBLIC cxx_std_20)
  target_include_directories(hullscope_${name} PUBLIC
    $<BUILD_INTERFACE:${CMAKE_BINARY_DIR}/include> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  target_link_libraries(hullscope_${name} PUBLIC ${ROOM_PUBLIC} PRIVATE ${ROOM_PRIVATE})
  hullscope_compile_options(hullscope_${name})
  set_property(GLOBAL APPEND PROPERTY HULLSCOPE_ROOMS hullscope_${name})
endfunction()

# hullscope_job(NAME SOURCES a.cpp ... LIBRARIES libs): the stage program libexec/hullscope/NAME.
function(hullscope_job name)
  cmake_parse_arguments(JOB "" "" "SOURCES;LIBRARIES" ${ARGN})
  add_executable(hullscope_job_${name} ${JOB_SOURCES})
  set_target_properties(hullscope_job_${name} PROPERTIES
    OUTPUT_NAME ${name} RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/libexec/hullscope)
  target_link_libraries(hullscope_job_${name} PRIVATE ${JOB_LIBRARIES})
  hullscope_compile_options(hullscope_job_${name})
  install(TARGETS hullscope_job_${name} RUNTIME DESTINATION ${CMAKE_INSTALL_LIBEXECDIR}/hullscope)
endfunction()

# hullscope_test(NAME SOURCES a_test.cpp ... LIBRARIES libs [RANKS 1 2 3 5] [LABELS data ...] [TIMEOUT s])
# One GoogleTest program. Without RANKS its cases are listed one by one in ctest with the label `unit`, which is what
# the sanitizers run (target unit_tests builds them); with RANKS it has its own main (MPI) and is run whole under
# mpirun, once per rank count.
function(hullscope_test name)
  cmake_parse_arguments(T "" "TIMEOUT" "SOURCES;LIBRARIES;RANKS;LABELS" ${ARGN})
  if(NOT T_TIMEOUT)
    set(T_TIMEOUT 300)
  endif()
  add_executable(${name} ${T_SOURCES})
  hullscope_compile_options(${name})
  target_compile_definitions(${name} PRIVATE
    HULLSCOPE_SOURCE_DIR="${CMAKE_SOURCE_DIR}" HULLSCOPE_BINARY_DIR="${CMAKE_BINARY_DIR}")
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  if(T_RANKS)
    target_link_libraries(${name} PRIVATE ${T_LIBRARIES} GTest::gtest)
    foreach(ranks ${T_RANKS})
      add_test(NAME ${name}.${ranks}ranks
        COMMAND ${CMAKE_SOURCE_DIR}/tests/mpirun.sh ${ranks} $<TARGET_FILE:${name}>)
      set_tests_properties(${name}.${ranks}ranks PROPERTIES TIMEOUT ${T_TIMEOUT} LABELS "mpi;${T_LABELS}" PROCESSORS 2)
    endforeach()
  else()
    target_link_libraries(${name} PRIVATE ${T_LIBRARIES} GTest::gtest_main GTest::gmock)
    include(GoogleTest)
    # One label, "unit-data": gtest_discover_tests loses the second of a list, and ctest -L takes regular expressions.
    list(JOIN T_LABELS "-" labels)
    string(REGEX REPLACE "-$" "" labels "unit-${labels}")
    gtest_discover_tests(${name} TEST_PREFIX "" DISCOVERY_TIMEOUT 60
      PROPERTIES TIMEOUT ${T_TIMEOUT} LABELS "${labels}")
    add_dependencies(unit_tests ${name})
  endif()
endfunction()

# hullscope_script_test(NAME COMMAND ... [LABELS ...] [TIMEOUT s] [COST s]): any other program as a ctest case.
# COST: about how long a long one takes, so that ctest starts it before the short ones.
function(hullscope_script_test name)
  cmake_parse_arguments(T "" "TIMEOUT;COST" "COMMAND;LABELS" ${ARGN})
  if(NOT T_TIMEOUT)
    set(T_TIMEOUT 600)
  endif()
  if(NOT T_COST)
    set(T_COST 0)
  endif()
  add_test(NAME ${name} COMMAND ${T_COMMAND})
  set_tests_properties(${name} PROPERTIES TIMEOUT ${T_TIMEOUT} COST ${T_COST} LABELS "${T_LABELS}" ENVIRONMENT
    "HULLSCOPE=${CMAKE_BINARY_DIR}/bin/hullscope;HULLSCOPE_SOURCE_DIR=${CMAKE_SOURCE_DIR};HULLSCOPE_BINARY_DIR=${CMAKE_BINARY_DIR}")
endfunction()

# Headers, libraries and a package file, so that find_package(hullscope) works from an installed tree.
function(hullscope_install_package)
  include(CMakePackageConfigHelpers)
  get_property(rooms GLOBAL PROPERTY HULLSCOPE_ROOMS)
  # Two sets, so that a program that wants the hull test alone need not find HDF5 and the others.
  set(hull_rooms hullscope_base hullscope_parallel hullscope_proof hullscope_hull)
  list(REMOVE_ITEM rooms ${hull_rooms})
  install(TARGETS ${hull_rooms} EXPORT hullscopeHullTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
  install(TARGETS ${rooms} EXPORT hullscopeTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
  install(DIRECTORY ${CMAKE_SOURCE_DIR}/src/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/hullscope
    FILES_MATCHING PATTERN "*.hpp" PATTERN "detail" EXCLUDE)
  foreach(set hullscopeHullTargets hullscopeTargets)
    install(EXPORT ${set} NAMESPACE hullscope:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/hullscope)
  endforeach()
  configure_package_config_file(${CMAKE_SOURCE_DIR}/cmake/hullscopeConfig.cmake.in
    ${CMAKE_BINARY_DIR}/hullscopeConfig.cmake INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/hullscope)
  write_basic_package_version_file(${CMAKE_BINARY_DIR}/hullscopeConfigVersion.cmake COMPATIBILITY SameMinorVersion)
  install(FILES ${CMAKE_BINARY_DIR}/hullscopeConfig.cmake ${CMAKE_BINARY_DIR}/hullscopeConfigVersion.cmake
    DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/hullscope)
endfunction()
