"""The whole way, shown: openly licensed music (or your own), trained models, recommendations, a radio, and a page."""
