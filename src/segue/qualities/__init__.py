"""What can be said of any track from its sound and its tags; this room knows no listeners."""
