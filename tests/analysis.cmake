hullscope_script_test(report_test COMMAND /usr/bin/python3 ${CMAKE_CURRENT_LIST_DIR}/analysis/report_test.py TIMEOUT 600)
