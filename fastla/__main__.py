"""What fastla found on this machine: `python -m fastla info`."""

import argparse

from fastla import show_config


def main() -> None:
    """Run the command of the command line."""
    parser = argparse.ArgumentParser(prog="python -m fastla",
                                     description="Linear algebra of machine learning for NumPy.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("info", help="the target in use, those built, CPU features, threads and versions")
    parser.parse_args()
    show_config()


if __name__ == "__main__":
    main()
