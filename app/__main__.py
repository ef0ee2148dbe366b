"""`python -m app` is `page-inbox`."""

from app.cli import main

main()
