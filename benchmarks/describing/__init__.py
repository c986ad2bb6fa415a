"""The benchmark of descriptors in parts: pieces of known tempo and key, who is asked, what an answer is worth."""
