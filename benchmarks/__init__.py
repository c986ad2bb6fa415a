"""What Segue costs and how well it hears, beside its peers, measured in one run."""
