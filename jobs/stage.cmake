# What the stage programs share. Plain target names: a room that is switched off is missed at link time only.
add_library(hullscope_stage STATIC stage.cpp ledger.cpp outside.cpp)
target_compile_features(hullscope_stage PUBLIC cxx_std_20)
target_include_directories(hullscope_stage PUBLIC ${CMAKE_CURRENT_SOURCE_DIR} ${CMAKE_BINARY_DIR}/include)
target_link_libraries(hullscope_stage
  PUBLIC hullscope_base hullscope_parallel hullscope_study hullscope_store hullscope_datasets PRIVATE fmt::fmt)
hullscope_compile_options(hullscope_stage)
