"""The `vrinr` command."""

from vrinr_cli.cli.app import main

if __name__ == "__main__":
    main()
