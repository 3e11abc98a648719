hullscope_job(reduce SOURCES reduce.cpp reduce_frame.cpp judge_scores.cpp long_table.cpp results_table.cpp trial_data.cpp
  LIBRARIES hullscope_stage hullscope_proximity hullscope_statistics fmt::fmt)
