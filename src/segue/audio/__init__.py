"""Files to numbers: windows of sound, and how strong each band of hearing is in them."""
