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
    tracing = commands.add_parser("trace", help="run a program, and write a page to step through what the tape did")
    tracing.add_argument("program", type=Path, help="a Python file; what it is to be given follows after --")
    tracing.add_argument("-o", "--out", type=Path, default=Path("trace.html"), help="the page (default: trace.html)")
    tracing.add_argument("--limit", type=int, default=200_000, help="operations to write down (default: 200000)")
    tracing.add_argument("--whole", type=int, default=64, help="entries up to which arrays are kept (default: 64)")
    words = list(sys.argv[1:] if arguments is None else arguments)
    end = words.index("--") if "--" in words else len(words)
    options = parser.parse_args(words[:end])
    if options.command == "trace":
        return _trace(options, words[end + 1 :])
    return _demo(parser, options)


def _demo(parser: argparse.ArgumentParser, options: argparse.Namespace) -> int:
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


def _trace(options: argparse.Namespace, given: list[str]) -> int:
    """Run a program as ``python program`` would, under a trace; the page is written however the program ends."""
    import runpy
    import traceback

    from wengert.visualize.trace import trace

    program: Path = options.program
    if not program.is_file():
        print(f"wengert: trace: there is no file {program}.", file=sys.stderr)
        return 1
    status, before = 0, (sys.argv, sys.path[:])
    sys.argv = [str(program), *given]
    sys.path.insert(0, str(program.resolve().parent))
    try:
        with trace(program.name, whole=options.whole, limit=options.limit) as record:
            try:
                record.finish(runpy.run_path(str(program), run_name="__main__"))
            except SystemExit as end:
                status = end.code if isinstance(end.code, int) else int(end.code is not None)
                if isinstance(end.code, str):
                    print(end.code, file=sys.stderr)
            except KeyboardInterrupt:
                status = 130
            except Exception:  # noqa: BLE001 (the program's own: what was recorded until then is what to look at)
                traceback.print_exc()
                status = 1
    except WengertError as error:
        print(f"wengert: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    finally:
        sys.argv, sys.path[:] = before
    try:
        record.save(options.out)
    except OSError as error:
        print(f"wengert: trace: {error}", file=sys.stderr)
        return 1
    print(f"{record}\n{options.out}")
    return status


if __name__ == "__main__":
    sys.exit(main())
