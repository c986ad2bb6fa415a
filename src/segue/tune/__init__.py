"""Settings chosen by a bounded search on listens that are held out: Optuna asks, the one evaluator answers."""
