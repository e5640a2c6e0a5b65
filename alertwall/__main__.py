"""Entry of the command `alertwall` and of `python -m alertwall`."""

import sys

from alertwall import guard


def main() -> int:
    """Check where the rooms would come from, and only then import them."""
    guard.insist()
    from alertwall import cli  # noqa: PLC0415  (not before the guard)

    return cli.main(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
