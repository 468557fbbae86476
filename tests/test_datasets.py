"""Data sets from files: pictures, text and tables; whole, damaged and hostile."""

import gzip
import io
import os
import pickle
import struct
import tarfile
import tracemalloc
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from wengert.data import (
    CIFAR10,
    CIFAR100,
    CSV,
    MNIST,
    ArrayDataset,
    Arrays,
    Bytes,
    DataLoader,
    FashionMNIST,
    ImageFolder,
    ImageNet,
    SequenceLoader,
    Text,
    TinyShakespeare,
    TupleDataset,
    Vocabulary,
    mnist,
    read_text,
)
from wengert.data.transforms import Compose, Resize, ToArray
from wengert.errors import DataError, DtypeError, InputError

SHARED = Path(os.environ.get("WENGERT_SHARED", Path(__file__).parents[2] / "shared")) / "data"
RANDOM = np.random.default_rng(0)


def one_line(error: Any, path: Path) -> None:
    assert "\n" not in str(error.value) and str(path) in str(error.value)


# MNIST and its kin


def write_mnist(folder: Path, name: str = "train", count: int = 7, *, compressed: bool = True) -> Any:
    x = RANDOM.integers(0, 256, (count, 28, 28), np.uint8)
    t = (np.arange(count) % 10).astype(np.uint8)
    pictures = struct.pack(">4I", 0x803, count, 28, 28) + x.tobytes()
    (folder / f"{name}-images-idx3-ubyte.gz").write_bytes(gzip.compress(pictures))
    (folder / f"{name}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(struct.pack(">2I", 0x801, count) + t.tobytes()))
    return x, t


@pytest.mark.parametrize("kind", [MNIST, FashionMNIST])
def test_mnist(tmp_path: Path, kind: Any) -> None:
    x, t = write_mnist(tmp_path)
    raw = kind(transform=None, root=tmp_path)
    assert len(raw) == 7 and raw[0][0].dtype == np.uint8
    np.testing.assert_array_equal(raw.data, x[:, np.newaxis])
    np.testing.assert_array_equal(raw.label, t)
    usual = kind(root=str(tmp_path))
    assert usual[3][0].shape == (784,) and usual[3][0].dtype == np.float32
    assert sorted(kind.labels()) == list(range(10))
    with pytest.raises(DataError, match="t10k-images-idx3-ubyte.gz: there is no such file"):
        kind(False, root=tmp_path)


@pytest.mark.parametrize("transform", [None, lambda x: x + 1])
def test_batches_of_pictures_are_those_made_one_by_one(tmp_path: Path, transform: Any) -> None:
    write_mnist(tmp_path)
    for dataset in (MNIST(root=tmp_path), MNIST(root=tmp_path, transform=transform)):
        ((x, t),) = DataLoader(dataset, 7, seed=0)
        ones = [dataset[i] for i in np.argsort(t, kind="stable").tolist()]
        order = [int(label) for label in t]
        for row, number in zip(x, order, strict=True):
            np.testing.assert_array_equal(row, dataset[number][0])
        assert len(ones) == 7 and x.dtype == dataset[0][0].dtype
    ((_, t),) = DataLoader(MNIST(root=tmp_path, target_transform=lambda t: -t), 7, False)
    assert t.tolist() == [0, -1, -2, -3, -4, -5, -6]


def test_a_subclass_with_its_own_examples_is_asked_for_them(tmp_path: Path) -> None:
    write_mnist(tmp_path)

    class Even(MNIST):
        def __getitem__(self, index: Any) -> Any:
            x, t = super().__getitem__(index)
            return x, t % 2

    ((_, t),) = DataLoader(Even(root=tmp_path), 7, False)
    assert t.tolist() == [0, 1, 0, 1, 0, 1, 0]


def test_pictures_are_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pyplot = pytest.importorskip("matplotlib.pyplot")
    drawn: list[Any] = []
    monkeypatch.setattr(pyplot, "imshow", lambda x, **_: drawn.append(x))
    monkeypatch.setattr(pyplot, "show", lambda: None)
    x, _ = write_mnist(tmp_path)
    MNIST(root=tmp_path).show(2, 5)
    assert drawn[0].shape == (56, 140)
    np.testing.assert_array_equal(drawn[0][28:, 28:56], x[6])
    assert drawn[0][28:, 56:].max() == 0
    pyplot.close("all")


def test_mnist_itself() -> None:
    folder = SHARED / "mnist"
    if not folder.is_dir():
        pytest.skip(f"MNIST's test files are not in {folder}")
    test = MNIST(False, root=folder)
    assert len(test) == 10_000 and test.label[:5].tolist() == [7, 2, 1, 0, 4]
    x, t = mnist(folder, False)
    ((batch, labels),) = DataLoader(test, 10_000, False)
    np.testing.assert_array_equal(labels, t)
    np.testing.assert_allclose(batch, x, atol=1e-7)
    with pytest.raises(DataError, match="train-images"):
        MNIST(root=folder)


# CIFAR


def cifar(count: int, classes: int, labels: int = 1) -> bytes:
    records = RANDOM.integers(0, 256, (count, labels + 3072), np.uint8)
    records[:, :labels] = (np.arange(count) % classes)[:, np.newaxis]
    return records.tobytes()


def packed(members: dict[str, bytes], kind: int = tarfile.USTAR_FORMAT) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", format=kind) as archive:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


TEN = {f"cifar-10-batches-bin/data_batch_{i}.bin": cifar(i, 10) for i in (3, 1, 2, 5, 4)}
TEN |= {"cifar-10-batches-bin/readme.html": b"hello" * 999, "cifar-10-batches-bin/test_batch.bin": cifar(4, 10)}


@pytest.mark.parametrize("kind", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_cifar10_in_its_archive(tmp_path: Path, kind: int) -> None:
    (tmp_path / "cifar-10-binary.tar.gz").write_bytes(packed(TEN, kind))
    train = CIFAR10(root=tmp_path)
    assert len(train) == 15 and train.data.shape == (15, 3, 32, 32) and train.data.dtype == np.uint8
    expected = b"".join(TEN[f"cifar-10-batches-bin/data_batch_{i}.bin"] for i in range(1, 6))
    records = np.frombuffer(expected, np.uint8).reshape(15, 3073)
    np.testing.assert_array_equal(train.data.reshape(15, -1), records[:, 1:])
    np.testing.assert_array_equal(train.label, records[:, 0])
    assert train.label.dtype == np.int64 and len(CIFAR10(False, root=tmp_path)) == 4
    ((x, _),) = DataLoader(train, 15, False)
    assert x.shape == (15, 3, 32, 32) and x.dtype == np.float32 and x.max() <= 1
    np.testing.assert_array_equal(x[7], train[7][0])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cifar-10-binary.tar.gz"]


def test_cifar10_unpacked(tmp_path: Path) -> None:
    inside = tmp_path / "cifar-10-batches-bin"
    inside.mkdir()
    for name, content in TEN.items():
        (tmp_path / name).write_bytes(content)
    for root in (tmp_path, inside):
        assert len(CIFAR10(root=root)) == 15 and len(CIFAR10(False, root=root, transform=None)) == 4
    (inside / "data_batch_3.bin").unlink()
    with pytest.raises(DataError, match="data_batch_3.bin: there is no such file"):
        CIFAR10(root=tmp_path)
    with pytest.raises(DataError, match="cifar-10-binary.tar.gz: there is no such file"):
        CIFAR10(root=tmp_path / "elsewhere")


def test_cifar100_has_two_labels(tmp_path: Path) -> None:
    records = np.frombuffer(cifar(5, 10, 2), np.uint8).reshape(5, 3074).copy()
    records[:, 0], records[:, 1] = [0, 19, 3, 4, 5], [99, 1, 2, 3, 4]
    (tmp_path / "train.bin").write_bytes(records.tobytes())
    assert CIFAR100(root=tmp_path).label.tolist() == [99, 1, 2, 3, 4]
    coarse = CIFAR100(root=tmp_path, label_type="coarse")
    assert coarse.label.tolist() == [0, 19, 3, 4, 5]
    np.testing.assert_array_equal(coarse.data.reshape(5, -1), records[:, 2:])
    assert len(CIFAR100.labels()) == 100 == len(set(CIFAR100.labels().values()))
    assert len(CIFAR100.labels("coarse")) == 20 and len(CIFAR10.labels()) == 10
    assert list(CIFAR100.labels().values()) == sorted(CIFAR100.labels().values())
    for call in (lambda: CIFAR100(root=tmp_path, label_type="both"), lambda: CIFAR100.labels("both")):
        with pytest.raises(InputError, match="label_type"):
            call()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "0 bytes are no whole number"),
        (cifar(2, 10)[:-1], "6145 bytes are no whole number"),
        (bytes([10]) + cifar(2, 10)[1:], r"the labels \[10\], of picture 0, name no class"),
        (bytes(50_001 * 3073), "it has more than 153650000 bytes"),
    ],
)
def test_damaged_cifar_is_refused(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "test_batch.bin"
    path.write_bytes(content)
    with pytest.raises(DataError, match=words) as error:
        CIFAR10(False, root=tmp_path)
    one_line(error, path)


def test_hostile_archives_write_nothing_and_are_refused(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    path = root / "cifar-10-binary.tar.gz"
    good = {"../../evil": b"x", "/tmp/wengert-evil": b"x", "cifar-10-batches-bin/test_batch.bin": cifar(2, 10)}
    path.write_bytes(packed(good))
    assert len(CIFAR10(False, root=root)) == 2
    assert not (tmp_path / "evil").exists() and not Path("/tmp/wengert-evil").exists()

    def changed(at: slice, value: bytes, *, sign: bool = True) -> bytes:
        plain = bytearray(gzip.decompress(packed({"cifar-10-batches-bin/test_batch.bin": cifar(1, 10)})))
        plain[at] = value
        if sign:
            plain[148:156] = b"        "
            plain[148:156] = b"%06o\0 " % sum(plain[:512])
        return gzip.compress(bytes(plain))

    size = slice(124, 136)
    whole = packed(TEN)
    for content, words in [
        (b"no gzip", "it cannot be read"),
        (gzip.compress(b"no tar" * 1000), "it is no tar archive, or damaged"),
        (whole[: len(whole) // 2], "it cannot be read|test_batch.bin is not in it"),
        (packed({"other": b"x"}), "test_batch.bin is not in it"),
        (changed(slice(0, 1), b"C", sign=False), "it is no tar archive"),
        (changed(size, b"-0000000001\0"), "it is no tar archive"),
        (changed(size, b"\x80" + bytes(10) + b"\1"), "it is no tar archive"),
        (changed(size, b"77777777777\0"), "claims 8589934591 bytes"),
        (changed(size, b"00001000000\0"), "it ends within cifar-10-batches-bin/test_batch.bin"),
        (changed(slice(156, 157), b"2"), "test_batch.bin is not in it"),  # a link, and no file
    ]:
        path.write_bytes(content)
        with pytest.raises(DataError, match=words) as error:
            CIFAR10(False, root=root)
        one_line(error, path)


def test_an_archive_cannot_fill_the_memory_or_go_on_for_ever(tmp_path: Path) -> None:
    path = tmp_path / "cifar-10-binary.tar.gz"
    header = tarfile.TarInfo("../long")
    header.type = tarfile.GNUTYPE_LONGNAME
    header.size = 2**32
    path.write_bytes(gzip.compress(header.tobuf(tarfile.GNU_FORMAT) + bytes(100_000_000), 1))
    tracemalloc.start()
    with pytest.raises(DataError, match="it claims more than") as error:
        CIFAR10(False, root=tmp_path)
    assert tracemalloc.get_traced_memory()[1] < 5_000_000
    tracemalloc.stop()
    one_line(error, path)


# Arrays


def test_arrays_have_other_names() -> None:
    assert ArrayDataset is TupleDataset is Arrays


# Folders of pictures


def test_image_folder(tmp_path: Path) -> None:
    pillow = pytest.importorskip("PIL.Image")
    colours = {"dog/b.png": 200, "cat/a.PNG": 10, "cat/more/z.bmp": 20, "dog/a.png": 100}
    for name, colour in colours.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        pillow.new("RGB", (6, 4), (colour, 0, 0)).save(tmp_path / name)
    pillow.new("L", (6, 4), 50).save(tmp_path / "dog" / "c.png")
    (tmp_path / "cat" / "notes.txt").write_text("no picture")
    (tmp_path / "notes.txt").touch()
    folder = ImageFolder(tmp_path)
    assert folder.classes == ["cat", "dog"] and folder.label.tolist() == [0, 0, 1, 1, 1]
    assert [int(x[0, 0, 0]) for x, _ in (folder[i] for i in range(5))] == [10, 20, 100, 200, 50]
    x, t = folder[-1]
    assert x.shape == (3, 4, 6) and x.dtype == np.uint8 and t == 1
    assert folder[1:3][0].shape == (2, 3, 4, 6)
    assert ImageFolder(tmp_path, transform=None)[0][0].mode == "RGB"
    small = ImageFolder(tmp_path, Compose([Resize(2), ToArray()]), lambda t: -t)
    for dataset, workers in ((small, 0), (ImageFolder(tmp_path, Compose([Resize(2), ToArray()]), int), 1)):
        ((x, t),) = DataLoader(dataset, 5, False, workers=workers)
        assert x.shape == (5, 3, 2, 2) and x.dtype == np.float32 and np.abs(t).tolist() == [0, 0, 1, 1, 1]
    with pytest.raises(IndexError, match="no example 5"):
        folder[5]


def test_damaged_pictures_are_refused(tmp_path: Path) -> None:
    pillow = pytest.importorskip("PIL.Image")
    (tmp_path / "cat").mkdir()
    path = tmp_path / "cat" / "a.png"
    pillow.fromarray(RANDOM.integers(0, 256, (30, 30, 3), np.uint8)).save(path)
    whole = path.read_bytes()
    with pytest.raises(DataError, match="30 by 30 points are more than 899") as error:
        ImageFolder(tmp_path, most=899)[0]
    one_line(error, path)
    for content in (b"", b"no picture", whole[:40], whole[:-500], whole[:60] + bytes(50) + whole[110:]):
        path.write_bytes(content)
        with pytest.raises(DataError, match="it cannot be read as a picture") as error:
            ImageFolder(tmp_path)[0]
        one_line(error, path)
    # A picture of 65,535 by 65,535 points in a few bytes.
    bomb = bytearray(whole)
    bomb[16:24] = struct.pack(">2I", 65535, 65535)
    bomb[29:33] = struct.pack(">I", zlib.crc32(bytes(bomb[12:29])))
    path.write_bytes(bytes(bomb))
    tracemalloc.start()
    with pytest.raises(DataError, match="65535 by 65535 points|cannot be read as a picture"):
        ImageFolder(tmp_path)[0]
    assert tracemalloc.get_traced_memory()[1] < 5_000_000
    tracemalloc.stop()


def test_folders_without_pictures_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("PIL.Image")
    with pytest.raises(DataError, match="nowhere: it cannot be read"):
        ImageFolder(tmp_path / "nowhere")
    with pytest.raises(DataError, match="no folder in it"):
        ImageFolder(tmp_path)
    (tmp_path / "cat").mkdir()
    with pytest.raises(DataError, match="cat: there is no picture"):
        ImageFolder(tmp_path)
    monkeypatch.setitem(__import__("sys").modules, "PIL", None)
    with pytest.raises(DataError, match="pip install pillow"):
        ImageFolder(tmp_path)


# Tables


def table(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "data.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_csv(tmp_path: Path) -> None:
    path = table(tmp_path, '\ufefflength,"width, m", kind \r\n1,2.5,0\r\n\r\n -3e2 ,.5,2\r\n')
    for target in ("kind", 2, -1):
        flowers = CSV(str(path), target, target_dtype=np.int64)
        assert flowers.columns == ["length", "width, m"]
        assert flowers.data.tolist() == [[1, 2.5], [-300, 0.5]] and flowers.data.dtype == np.float32
        assert flowers.label.tolist() == [0, 2] and flowers.label.dtype == np.int64
    ((x, t),) = DataLoader(flowers, 2, False)
    assert x.shape == (2, 2) and t.tolist() == [0, 2]
    whole = CSV(path, dtype=np.float64)
    assert whole.label is None and whole.data.shape == (2, 3) and whole.data.dtype == np.float64
    assert CSV(path, "length").label.tolist() == [1, -300]
    bare = CSV(table(tmp_path, "1;2\n3;4"), 0, header=False, delimiter=";")
    assert bare.data.tolist() == [[2], [4]] and bare.label.tolist() == [1, 3] and bare.columns == ["1"]
    exact = CSV(table(tmp_path, f"t,x\n{2**63 - 1},1\n"), "t", target_dtype=np.int64)
    assert int(exact.label[0]) == 2**63 - 1
    assert CSV(table(tmp_path, "t\n1\n2\n"), "t").data.shape == (2, 0)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "there are no numbers"),
        ("a,b\n", "there are no numbers"),
        ("a,b\n1,2\n3\n", r"data\.csv, line 3: 1 columns, and 2 in the first line"),
        ("a,b\n1,2\n\n3,4,5\n", "line 4: 3 columns"),
        ("a,b\n1,x\n", "line 2, column 'b': 'x' is no number"),
        ("a,b\n1,\n", "line 2, column 'b': '' is empty"),
        ("a,b\n1,nan\n", "line 2, column 'b': 'nan' is no finite number"),
        ("a,b\ninf,1\n", "column 'a': 'inf' is no finite number"),
        ("a,b\n1,1e39\n", "'1e39' is no number that float32 can hold"),
        ("a,b\n1,1e400\n", "'1e400' is no finite number"),
        ("a,b\n1_000,1\n", "'1_000' is no number"),
        ("a,b\n١,1\n", "is no number"),
        ("a,b\n1," + "9" * 5000 + "\n", "is no finite number"),
        ('a,b\n1,"2\n3,4\n', "line 3: unexpected end of data"),
        ("a,b\n1,2\x003\n", "line 2"),
        (b"a,b\n1,\xff\n", "it is not UTF-8 text"),
        ("a,b\n" + "1" * 200_000 + ",1", "line 2: field larger than field limit"),
    ],
)
def test_damaged_csv_is_refused(tmp_path: Path, text: str | bytes, words: str) -> None:
    path = table(tmp_path, text)
    with pytest.raises(DataError, match=words) as error:
        CSV(path, missing="refuse")
    one_line(error, path)


def test_csv_targets_are_checked(tmp_path: Path) -> None:
    path = table(tmp_path, "a,b,b\n1,2,3\n")
    for target, words in (
        ("c", "no column of the name 'c'"),
        ("b", "2 columns"),
        (3, "no column 3"),
        (-4, "no column"),
    ):
        with pytest.raises(InputError, match=words):
            CSV(path, target)
    for text, words in (("1.5", "no whole number"), ("300", "uint8 can hold"), ("-1", "uint8 can hold")):
        with pytest.raises(DataError, match=f"line 2, column 'a': '{text}' is no .*{words.split()[-1]}"):
            CSV(table(tmp_path, f"a,b\n{text},1\n"), "a", target_dtype=np.uint8)
    with pytest.raises(DtypeError, match="floating"):
        CSV(path, dtype=int)
    with pytest.raises(DtypeError, match="target_dtype"):
        CSV(path, target_dtype=complex)
    with pytest.raises(DataError, match="there is no such file"):
        CSV(tmp_path / "none.csv")
    with pytest.raises(DataError, match="cannot be read"):
        CSV(tmp_path)


def test_names_of_classes(tmp_path: Path) -> None:
    train = CSV(table(tmp_path, "a,kind\n1,rose\n2, iris\n3,rose\n"), "kind")
    assert train.classes == ["iris", "rose"] and train.label.tolist() == [1, 0, 1] and train.label.dtype == np.int64
    test = CSV(table(tmp_path, "a,kind\n1,rose\n"), "kind", classes=train.classes)
    assert test.label.tolist() == [1] and test.classes == train.classes
    digits = CSV(table(tmp_path, "a,kind\n1,7\n2,3\n"), "kind", target_dtype=str)
    assert digits.classes == ["3", "7"] and digits.label.tolist() == [1, 0]
    numbers = CSV(table(tmp_path, "a,kind\n1,7\n2,3\n"), "kind")
    assert numbers.classes == [] and numbers.label.tolist() == [7.0, 3.0] and numbers.label.dtype == np.float32
    for text, options, words in [
        ("a,kind\n1,x\n2,7\n", {}, "line 3, column 'kind': '7' is a number among names"),
        ("a,kind\n1,7\n2,x\n", {}, "line 3, column 'kind': 'x' is no number"),
        ("a,kind\n1,x\n2,\n", {}, "line 3, column 'kind': '' is no label"),
        ("a,kind\n1,\n2,x\n", {}, "line 2, column 'kind': '' is empty"),
        ("a,kind\n1,NaN\n", {}, "line 2, column 'kind': 'NaN' is no finite number"),
        ("a,kind\n1,x\n", {"target_dtype": np.int64}, "'x' is no whole number"),
        ("a,kind\n1,tulip\n", {"classes": train.classes}, "'tulip' is none of the 2 classes"),
    ]:
        with pytest.raises(DataError, match=words):
            CSV(table(tmp_path, text), "kind", **options)
    for options in ({"classes": ["a"]}, {"target": "kind", "classes": ["a", "a"]}):
        with pytest.raises(InputError, match="classes"):
            CSV(table(tmp_path, "a,kind\n1,x\n"), **options)


def test_missing_values(tmp_path: Path) -> None:
    path = table(tmp_path, "a,b\n1,2\n,3\nNaN,7\n? , n/a\n5,null\n")
    gaps = CSV(path, dtype=np.float64)
    np.testing.assert_array_equal(gaps.data, [[1, 2], [np.nan, 3], [np.nan, 7], [np.nan, np.nan], [5, np.nan]])
    assert gaps.filled == {}
    assert CSV(path, missing=-1).data[:, 0].tolist() == [1, -1, -1, -1, 5]
    train = CSV(path, missing="mean")
    assert train.data[:, 0].tolist() == [1, 3, 3, 3, 5] and train.data[:, 1].tolist() == [2, 3, 7, 4, 4]
    assert train.filled == {"a": 3.0, "b": 4.0} and CSV(path, missing="median").filled == {"a": 3.0, "b": 3.0}
    test = CSV(table(tmp_path, "a,b\n,\n9,9\n"), missing=train.filled)
    assert test.data.tolist() == [[3, 4], [9, 9]] and test.filled == train.filled
    for missing in ("mode", None, True, {"a": "x"}, {"a": 1.0}):
        with pytest.raises(InputError, match="missing"):
            CSV(path, missing=missing)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="'a' has no number to take the mean of"):
        CSV(table(tmp_path, "a,b\n,1\n"), missing="mean")
    with pytest.raises(InputError, match="columns of one name"):
        CSV(table(tmp_path, "a,a\n,1\n"), missing=0)
    with pytest.raises(DataError, match="'inf' is no finite number"):
        CSV(table(tmp_path, "a\ninf\n"))


# Text


def test_vocabulary() -> None:
    text = "héllo wörld 😀"
    vocabulary = Vocabulary(text)
    assert len(vocabulary) == len(set(text)) and vocabulary.decode(vocabulary.encode(text)) == text
    assert vocabulary.encode("").shape == (0,) and vocabulary.decode([]) == ""
    assert vocabulary.encode("o").dtype == np.int64
    for wrong in ("z", "\0", "\U0010ffff"):
        with pytest.raises(InputError, match="at 2, is none of the 10 characters"):
            vocabulary.encode("hé" + wrong)
    for numbers in ([-1], [10], [1.5], [[1]], "ab"):
        with pytest.raises(InputError, match="decode"):
            vocabulary.decode(numbers)
    with pytest.raises(DataError):
        Vocabulary("")


def test_bytes() -> None:
    assert len(Bytes()) == 256 and Bytes().decode(Bytes().encode("né 😀")) == "né 😀"
    assert Bytes().decode([255]) == "\ufffd"
    with pytest.raises(InputError):
        Bytes().decode([256])


def test_text_in_pieces() -> None:
    text = Text("abcdefghij", 3)
    assert [[text.vocabulary.decode(part) for part in text[i]] for i in range(len(text))] == [
        ["abc", "bcd"],
        ["def", "efg"],
        ["ghi", "hij"],
    ]
    assert len(Text("abcdefghij", 3, stride=1)) == 7 and len(Text("abcd", 3)) == 1
    ((x, t),) = DataLoader(Text("abcdefghij", 3, stride=1), 7, seed=0)
    np.testing.assert_array_equal(t, x + 1)
    assert x.flags.owndata or x.base.nbytes == x.nbytes
    single = Text("abcab", vocabulary=Bytes())
    assert len(single) == 4 and single[0] == (97, 98)
    assert [t.tolist() for _, t in SequenceLoader(Text("abcdefg"), 2)] == [[1, 4], [2, 5], [3, 6]]
    for wrong in (0, -1, 1.5, True):
        with pytest.raises(InputError, match="length"):
            Text("abc", wrong)  # type: ignore[arg-type]
        with pytest.raises(InputError, match="stride"):
            Text("abc", 1, stride=wrong)  # type: ignore[arg-type]
    for short, length in (("abc", 3), ("a", None)):
        with pytest.raises(DataError, match="too few"):
            Text(short, length)


def test_text_is_sent_without_its_views() -> None:
    text = Text("ab" * 10_000, 100, stride=1)
    content = pickle.dumps(text)
    assert len(content) < 400_000
    again = pickle.loads(content)
    np.testing.assert_array_equal(again.data, text.data)
    batches = list(DataLoader(text, 10_000, False, collate=len, workers=1))
    assert batches == [10_000, len(text) - 10_000]


def test_read_text(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_bytes("né\r\n".encode())
    assert read_text(path) == "né\r\n"
    with pytest.raises(DataError, match="more than 3 bytes") as error:
        read_text(path, most=3)
    path.write_bytes(b"abc\xff")
    with pytest.raises(DataError, match="not UTF-8 text: invalid start byte, at byte 3") as error:
        read_text(str(path))
    one_line(error, path)
    with pytest.raises(DataError, match="cannot be read"):
        read_text(tmp_path)


def test_tiny_shakespeare(tmp_path: Path) -> None:
    (tmp_path / "input.txt").write_text("abcdefghij" * 10)
    train, test = TinyShakespeare(root=tmp_path), TinyShakespeare(False, root=tmp_path)
    assert (len(train), len(test)) == (89, 9) and train.train and not test.train
    assert len(train.vocabulary) == len(test.vocabulary) == 10


def test_tiny_shakespeare_itself() -> None:
    folder = SHARED / "tinyshakespeare"
    if not folder.is_dir():
        pytest.skip(f"Shakespeare's plays are not in {folder}")
    plays = TinyShakespeare(length=64, root=folder)
    assert len(plays.vocabulary) == 65 and len(plays) == 15685
    assert plays.vocabulary.decode(plays[0][0]).startswith("First Citizen:\nBefore we proceed")


# ImageNet


NAMES = [f"class {i}, it's" for i in range(1000)]


@pytest.mark.parametrize(
    "text",
    [
        "\n".join(NAMES),
        "\r\n".join(NAMES) + "\r\n",
        repr(NAMES),
        repr(dict(enumerate(NAMES))),
        __import__("json").dumps(NAMES),
        __import__("json").dumps(dict(enumerate(NAMES))),
    ],
)
def test_imagenet_labels(tmp_path: Path, text: str) -> None:
    path = tmp_path / "labels.txt"
    path.write_text(text, newline="")
    assert ImageNet.labels(path) == dict(enumerate(NAMES))


def test_the_names_that_ship() -> None:
    labels = ImageNet.labels()
    assert list(labels) == list(range(1000))
    assert (labels[0], labels[340], labels[999]) == (
        "tench, Tinca tinca",
        "zebra",
        "toilet tissue, toilet paper, bathroom tissue",
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "one\ntwo",
        "[" * 100_000,
        "{1: 2",
        "[__import__('os').system('touch evil')]",
        repr(dict.fromkeys(range(1, 1001), "x")),
        repr([1] * 1000),
        "{" + "'a': 1, " * 5 + "}",
        repr([""] * 1000),
        "\n".join(NAMES) + "\nanother",
    ],
)
def test_other_files_are_no_imagenet_labels(tmp_path: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "labels.txt"
    path.write_text(text)
    with pytest.raises(DataError) as error:
        ImageNet.labels(path)
    one_line(error, path)
    assert not (tmp_path / "evil").exists()


def test_a_first_line_of_numbers_is_not_lost_as_names(tmp_path):
    for text in ("1.5,2\n3,4", "1,2\n3,4", "-1;1e3\n3;4", "7\n8"):
        path = table(tmp_path, text)
        options = {"delimiter": ";" if ";" in text else ","}
        with pytest.raises(DataError, match=r"(?s)first line has numbers.*header=False.*header=True"):
            CSV(path, **options)
        assert len(CSV(path, header=False, **options)) == 2 and len(CSV(path, header=True, **options)) == 1
    assert len(CSV(table(tmp_path, "0,1\n3,4"))) == len(CSV(table(tmp_path, "a,1\n3,4"))) == 1
