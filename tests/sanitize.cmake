# The sanitizers' build is a tree of its own; it is a test of the ordinary build only. Both sanitizers share it: each
# instruments what the other leaves, and a second tree would compile every room and unit test once more.
if(CMAKE_BUILD_TYPE STREQUAL RelWithDebInfo)
  hullscope_script_test(sanitize COMMAND ${CMAKE_CURRENT_LIST_DIR}/sanitize.sh LABELS sanitize TIMEOUT 4500
    COST 600)
endif()
