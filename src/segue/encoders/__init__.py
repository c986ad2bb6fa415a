"""Sound to vectors: models that listen, their training, and the store and search of what they heard."""
