"""Models of choice: popularity, sound, sequential rules, the session GRU; one contract for all of them."""
