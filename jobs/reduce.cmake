hullscope_job(reduce SOURCES reduce.cpp results_table.cpp trial_data.cpp
  LIBRARIES hullscope_stage hullscope_statistics fmt::fmt)
