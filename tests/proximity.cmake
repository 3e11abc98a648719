hullscope_test(proximity_test SOURCES ${CMAKE_CURRENT_LIST_DIR}/property/proximity_test.cpp
    ${CMAKE_CURRENT_LIST_DIR}/property/class_model_test.cpp
  LIBRARIES hullscope::proximity)
# The stages proximity and reduce, on files that a helper pretends to have trained and tested.
add_executable(pretend_stages ${CMAKE_CURRENT_LIST_DIR}/support/pretend_stages.cpp)
target_link_libraries(pretend_stages PRIVATE hullscope_stage)
set_target_properties(pretend_stages PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
hullscope_compile_options(pretend_stages)
hullscope_script_test(stage_proximity LABELS mpi crash TIMEOUT 900 COST 80
  COMMAND /usr/bin/python3 ${CMAKE_CURRENT_LIST_DIR}/cli/proximity_stage_test.py)
hullscope_script_test(stage_reduce LABELS mpi TIMEOUT 600 COST 30
  COMMAND /usr/bin/python3 ${CMAKE_CURRENT_LIST_DIR}/cli/reduce_stage_test.py)
