"""`python -m app`: the command line."""

from app.start import main

if __name__ == "__main__":
    main()
