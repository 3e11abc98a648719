hullscope_script_test(docs_examples LABELS docs TIMEOUT 900 COST 70 COMMAND /usr/bin/python3
  ${CMAKE_CURRENT_LIST_DIR}/docs/examples_test.py ${CMAKE_SOURCE_DIR}/README.md ${CMAKE_SOURCE_DIR}/docs/guide.md
  ${CMAKE_SOURCE_DIR}/docs/own-model.md)
