hullscope_script_test(report_test COMMAND /usr/bin/python3 ${CMAKE_CURRENT_LIST_DIR}/analysis/report_test.py TIMEOUT 900 COST 70)
hullscope_script_test(claims_test COMMAND /usr/bin/python3 ${CMAKE_CURRENT_LIST_DIR}/analysis/claims_test.py TIMEOUT 300)
hullscope_script_test(paper_page_test COMMAND /usr/bin/python3 ${CMAKE_CURRENT_LIST_DIR}/analysis/paper_page_test.py TIMEOUT 300)
