"""``python -m segue``."""

from segue.cli.app import main

if __name__ == "__main__":
    main()
