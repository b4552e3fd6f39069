"""`python -m corago` is the command line."""

from corago.cli import main

if __name__ == "__main__":
    main()
