"""How the shipped weights are made: music, teacher, training. Run from the repository; not part of the package."""
