# bin/hullscope, and what it asks: libexec/hullscope/plan, what of a study is done, and usage, what its files took.
find_package(CLI11 REQUIRED)
add_executable(hullscope main.cpp command_line.cpp run.cpp batch.cpp plan_view.cpp launch.cpp)
target_link_libraries(hullscope PRIVATE hullscope::base hullscope::study hullscope::batch CLI11::CLI11 fmt::fmt
  nlohmann_json::nlohmann_json ${CMAKE_DL_LIBS})
hullscope_compile_options(hullscope)
install(TARGETS hullscope RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})

hullscope_job(plan SOURCES plan.cpp LIBRARIES hullscope_stage fmt::fmt nlohmann_json::nlohmann_json)
hullscope_job(usage SOURCES usage.cpp LIBRARIES hullscope::store hullscope::base nlohmann_json::nlohmann_json)

# What the programs find in share/hullscope: a link in the build tree, copies in an installed one.
file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/share/hullscope)
foreach(folder analysis studies slurm)
  file(CREATE_LINK ${CMAKE_SOURCE_DIR}/${folder} ${CMAKE_BINARY_DIR}/share/hullscope/${folder} SYMBOLIC)
  install(DIRECTORY ${CMAKE_SOURCE_DIR}/${folder}/ DESTINATION ${CMAKE_INSTALL_DATADIR}/hullscope/${folder}
    PATTERN "__pycache__" EXCLUDE)
endforeach()
