hullscope_script_test(install_test COMMAND ${CMAKE_CURRENT_LIST_DIR}/install/install_test.sh TIMEOUT 300)
