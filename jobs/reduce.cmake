hullscope_job(reduce SOURCES reduce.cpp reduce_frame.cpp reduce_trial.cpp reduce_over_trials.cpp reduce_rows.cpp
    reduce_logits.cpp reduce_test_sets.cpp judge_scores.cpp trial_judge.cpp long_table.cpp missing_files.cpp results_table.cpp trial_data.cpp
  LIBRARIES hullscope_stage hullscope_proximity hullscope_statistics fmt::fmt)
