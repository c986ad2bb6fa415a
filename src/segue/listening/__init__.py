"""What was heard: readers of exports, matching to tracks, events as columns, context."""
