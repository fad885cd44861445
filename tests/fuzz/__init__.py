"""Coverage-guided fuzzing: `./run fuzz [target] [seconds]`; the same properties run under Hypothesis with the tests."""
