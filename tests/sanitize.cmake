# Sanitizer builds are trees of their own; they are tests of the ordinary build only.
if(CMAKE_BUILD_TYPE STREQUAL RelWithDebInfo)
  foreach(preset asan ubsan)
    hullscope_script_test(sanitize_${preset} COMMAND ${CMAKE_CURRENT_LIST_DIR}/sanitize.sh ${preset}
      LABELS sanitize TIMEOUT 2400)
  endforeach()
endif()
