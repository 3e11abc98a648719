# A real Slurm on this machine (tests/slurm/cluster.sh). One cluster at a time: the jobs share its processors. They
# mostly wait, and start first (COST), so that other tests run beside them. Where there can be none, they are skipped
# with the reason, and count as missing.
if(HULLSCOPE_WITH_TORCH)  # whole studies train networks
  set(slurm_tests ${CMAKE_CURRENT_LIST_DIR}/slurm)
  find_package(PkgConfig REQUIRED)
  pkg_check_modules(PMIX REQUIRED IMPORTED_TARGET pmix)
  add_executable(fence_counter ${slurm_tests}/fence_counter.cpp)
  hullscope_compile_options(fence_counter)
  set_target_properties(fence_counter PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  target_link_libraries(fence_counter PRIVATE PkgConfig::PMIX)
  foreach(script mpi study survive failures)
    hullscope_script_test(slurm_${script} LABELS slurm TIMEOUT 1800 COST 500
      COMMAND /usr/bin/python3 ${slurm_tests}/${script}_test.py)
    set_tests_properties(slurm_${script} PROPERTIES RESOURCE_LOCK slurm SKIP_RETURN_CODE 77)
  endforeach()
endif()
