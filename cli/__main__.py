"""`python -m cli` is `phr`."""

from cli.main import main

main()
