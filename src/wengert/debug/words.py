"""How tables and sizes are written."""

from collections.abc import Sequence

__all__ = ["aligned", "in_bytes"]


def aligned(rows: Sequence[Sequence[str]], left: int = 1) -> str:
    """Rows of words in columns, the first ``left`` of them flush left and the others flush right.

    Example:
        >>> print(aligned([("name", "count"), ("a", "10"), ("abcde", "7")]))
        name   count
        a         10
        abcde      7
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [
            cell.ljust(width) if i < left else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def in_bytes(count: int) -> str:
    """A number of bytes in words; 1 kB is 1,000 bytes.

    Example:
        >>> in_bytes(12), in_bytes(1536), in_bytes(3_000_000_000)
        ('12 B', '1.5 kB', '3.0 GB')
    """
    if count < 1000:
        return f"{count} B"
    size = float(count)
    for unit in ("kB", "MB", "GB"):
        size /= 1000
        if size < 999.95:
            return f"{size:.1f} {unit}"
    return f"{size / 1000:.1f} TB"
