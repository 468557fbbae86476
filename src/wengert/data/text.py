"""Text as numbers, and sequences of them for language models."""

from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from wengert.data.dataset import Dataset
from wengert.data.downloads import Remote, locate
from wengert.data.reading import read_file
from wengert.errors import DataError, InputError, describe

__all__ = ["Bytes", "Text", "TinyShakespeare", "Vocabulary", "read_text"]


class Vocabulary:
    """Characters by number.

    Args:
        text: Every character in it gets a number, in the order of Unicode.

    Raises:
        DataError: there is none.

    Example:
        >>> vocabulary = Vocabulary("banana")
        >>> len(vocabulary), vocabulary.encode("nab")
        (3, array([2, 0, 1]))
        >>> vocabulary.decode([1, 0, 2])
        'ban'
    """

    def __init__(self, text: str) -> None:
        if not text:
            raise DataError("Vocabulary: there is no character in an empty text.")
        self.characters = "".join(sorted(set(text)))
        self._codes = np.array([ord(character) for character in self.characters])

    def __len__(self) -> int:
        return len(self.characters)

    def encode(self, text: str) -> np.ndarray:
        """The numbers of the characters of a text, (n,) of int64.

        Raises:
            InputError: a character has none.

        Example:
            >>> Vocabulary("abc").encode("cab")
            array([2, 0, 1])
        """
        codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4").astype(np.int64)
        numbers = np.searchsorted(self._codes, codes).clip(max=len(self) - 1)
        wrong = self._codes[numbers] != codes
        if wrong.any():
            first = int(wrong.argmax())
            raise InputError(f"encode: {text[first]!r}, at {first}, is none of the {len(self)} characters.")
        return numbers.astype(np.int64)

    def decode(self, numbers: Any) -> str:
        """The text of these numbers.

        Raises:
            InputError: a number is no character's.

        Example:
            >>> Vocabulary("abc").decode(np.array([1, 0, 1]))
            'bab'
        """
        return "".join(self.characters[i] for i in _checked(numbers, len(self)).tolist())


class Bytes:
    """The bytes of UTF-8 as numbers: 256 of them spell any text.

    Example:
        >>> Bytes().encode("né")
        array([110, 195, 169])
        >>> Bytes().decode([110, 195, 169])
        'né'
    """

    def __len__(self) -> int:
        return 256

    def encode(self, text: str | bytes) -> np.ndarray:
        """The numbers of the bytes of a text, (n,) of int64.

        Example:
            >>> Bytes().encode(b"ab")
            array([97, 98])
        """
        return np.frombuffer(text.encode() if isinstance(text, str) else text, np.uint8).astype(np.int64)

    def decode(self, numbers: Any) -> str:
        """The text of these numbers; what is no UTF-8 shows as U+FFFD.

        Raises:
            InputError: a number is no byte.

        Example:
            >>> Bytes().decode([97, 98])
            'ab'
        """
        return bytes(_checked(numbers, 256).tolist()).decode("utf-8", "replace")


class Text(Dataset):
    """A text for a language model: pieces of it, and as labels the same pieces one character on.

    Args:
        text: The text.
        length: Characters in a piece; where None, an example is a single character and the next one, as
            `SequenceLoader` wants them.
        stride: How far one piece begins after the other [1, ...]; where None, ``length``, so that none overlap.
        vocabulary: A `Vocabulary` or `Bytes`; where None, a vocabulary of the text's own characters.

    Raises:
        InputError: ``length`` or ``stride`` is no whole number from 1 on.
        DataError: the text is too short for one piece.

    Example:
        >>> text = Text("hello world", length=4)
        >>> len(text), [text.vocabulary.decode(part) for part in text[1]]
        (2, ['o wo', ' wor'])
    """

    def __init__(
        self, text: str, length: int | None = None, *, stride: int | None = None, vocabulary: Any = None
    ) -> None:
        for name, value in (("length", length), ("stride", stride)):
            if value is not None and (isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1):
                raise InputError(f"Text: {name} is a whole number from 1 on, and this is {value!r}.")
        self.vocabulary = Vocabulary(text) if vocabulary is None else vocabulary
        self._numbers = self.vocabulary.encode(text)
        self._length, self._stride = length, stride
        super().__init__()

    def prepare(self) -> None:
        """See the class."""
        numbers, length = self._numbers, self._length
        if len(numbers) < (length or 1) + 1:
            raise DataError(f"Text: {len(numbers)} characters are too few: {(length or 1) + 1} make an example.")
        self.data, self.label = numbers[:-1], numbers[1:]
        if length is not None:
            step = self._stride or length
            # Views: nothing is copied until a batch is taken.
            self.data, self.label = (
                np.lib.stride_tricks.sliding_window_view(each, length)[::step] for each in (self.data, self.label)
            )

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"data": None, "label": None}  # views are sent as if they were copies

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        Text.prepare(self)


class TinyShakespeare(Text):
    """A million characters of Shakespeare's plays: nine tenths to train on, and the rest to test on.

    Args:
        train: Which of the two; both have the whole text's vocabulary, of 65 characters.
        length, stride: As in `Text`.
        vocabulary: `Bytes()`, say, for bytes instead of characters.
        root: A folder that has ``input.txt``; where None, it is downloaded, once.

    Raises:
        DataError: the file is missing, or cannot be downloaded.

    Example:
        >>> plays = TinyShakespeare(length=64)  # doctest: +SKIP
        >>> plays.vocabulary.decode(plays[0][0])  # doctest: +SKIP
        'First Citizen:\\nBefore we proceed any further, hear me speak.\\n\\nA'
    """

    _file = Remote(
        "input.txt",
        "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
        1_115_394,
        (
            "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt",
            "https://raw.githubusercontent.com/jcjohnson/torch-rnn/master/data/tiny-shakespeare.txt",
        ),
    )

    def __init__(
        self,
        train: bool = True,
        length: int | None = None,
        *,
        stride: int | None = None,
        vocabulary: Any = None,
        root: str | PathLike[str] | None = None,
    ) -> None:
        text = read_text(locate(self._file, "tinyshakespeare", root))
        border = len(text) * 9 // 10
        vocabulary = Vocabulary(text) if vocabulary is None else vocabulary
        super().__init__(text[:border] if train else text[border:], length, stride=stride, vocabulary=vocabulary)
        self.train = train


def read_text(path: str | PathLike[str], *, most: int = 2**30) -> str:
    """The text of a file, in UTF-8.

    Args:
        path: The file.
        most: Bytes it may have.

    Raises:
        DataError: it is missing, larger, or not UTF-8.

    Example:
        >>> read_text("plays.txt")  # doctest: +SKIP
        'First Citizen: ...'
    """
    content = read_file(Path(path), most)
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: it is not UTF-8 text: {error.reason}, at byte {error.start}.") from error


def _checked(numbers: Any, most: int) -> np.ndarray:
    numbers = np.asarray(numbers)
    if numbers.ndim != 1 or (numbers.size and numbers.dtype.kind not in "iu"):
        raise InputError(f"decode takes a row of whole numbers, and was given {describe(numbers)}.")
    outside = (numbers < 0) | (numbers >= most)
    if outside.any():
        raise InputError(f"decode: {numbers[outside][0]} is none of the numbers from 0 to {most - 1}.")
    return numbers
