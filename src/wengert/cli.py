"""The command ``wengert``."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from wengert.errors import WengertError

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line, and return its exit status: 0, 1 for an error, 130 where it was interrupted."""
    parser = argparse.ArgumentParser(prog="wengert", description="Deep learning that you can read, on NumPy.")
    commands = parser.add_subparsers(dest="command", required=True)
    demo = commands.add_parser("demo", help="train a classifier of handwritten digits")
    demo.add_argument("--data", choices=["digits", "mnist"], default="digits", help="which digits (default: digits)")
    demo.add_argument("--data-dir", type=Path, default=None, help="the folder of MNIST's gzip files")
    demo.add_argument("--out", type=Path, default=Path("wengert-demo"), help="where to write (default: wengert-demo)")
    demo.add_argument("--epochs", type=int, default=None, help="how many times to go over the data")
    demo.add_argument("--seed", type=int, default=0, help="what random numbers start from (default: 0)")
    options = parser.parse_args(arguments)
    if options.data == "mnist" and options.data_dir is None:
        parser.error("--data mnist needs --data-dir, the folder of MNIST's gzip files")
    if options.epochs is not None and options.epochs < 1:
        parser.error("--epochs is a whole number from 1 on")
    if options.seed < 0:
        parser.error("--seed is a whole number from 0 on")
    from wengert.demo import run

    try:
        run(options.data, options.data_dir, options.out, options.epochs, options.seed)
    except (WengertError, OSError) as error:
        print(f"wengert: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("wengert: interrupted; nothing was written.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
