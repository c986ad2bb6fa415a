"""One honest evaluator for every model of choice: splits, full ranking, metrics with intervals, a report."""
