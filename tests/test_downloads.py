"""Files from the network, from a server in this process: whole, broken off, wrong, or not there."""

import hashlib
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from wengert.data import MNIST, TinyShakespeare, cache_dir, download
from wengert.data.downloads import Remote, locate
from wengert.errors import DataError, InputError

CONTENT = np.random.default_rng(0).bytes(1_000_000)
SUM = hashlib.sha256(CONTENT).hexdigest()


class Server(ThreadingHTTPServer):
    """Serves CONTENT in ways that depend on the path, and writes down what it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[tuple[str, str | None]] = []

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_port}/{path}"


class Handler(BaseHTTPRequestHandler):
    server: Any

    def log_message(self, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        way = self.path.split("/")[1]
        wanted = self.headers.get("Range")
        self.server.asked.append((way, wanted))
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
        if way == "missing":
            return self.send_error(404)
        if way == "moved":
            self.send_response(302)
            self.send_header("Location", "/whole/data.bin")
            return self.end_headers()
        if way == "silent":
            threading.Event().wait(3)
            return None
        content = CONTENT
        if way == "wrong":
            content = b"x" * len(CONTENT)
        if way == "endless":
            content = CONTENT * 3
        if way == "short":
            content = CONTENT[:1000]
        if start >= len(content):
            return self.send_error(416)
        if way == "stubborn" or not wanted:
            start = 0
            self.send_response(200)
        else:
            self.send_response(206)
            at = 0 if way == "shifted" else start
            self.send_header("Content-Range", f"bytes {at}-{len(content) - 1}/{len(content)}")
        if way not in ("endless", "chunkless"):
            self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        if way == "slow":
            threading.Event().wait(3)
        # Breaks off in the middle of what it has announced.
        end = min(len(content), start + 400_000) if way in ("breaking", "stubborn") else len(content)
        with suppress(ConnectionError):
            self.wfile.write(content[start:end])
        return None


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_downloaded_once(server: Server, tmp_path: Path) -> None:
    url = server.url("whole/data.bin")
    for _ in range(2):
        path = download(url, folder=tmp_path / "deep" / "down", sha256=SUM.upper(), size=len(CONTENT))
        assert path == tmp_path / "deep" / "down" / "data.bin" and path.read_bytes() == CONTENT
    assert server.asked == [("whole", None)] and names(path.parent) == ["data.bin"]
    assert download(server.url("chunkless/a%20b.bin"), folder=tmp_path).name == "a b.bin"
    assert download(server.url("moved/x"), "y", folder=tmp_path).read_bytes() == CONTENT


def test_mirrors_are_tried_in_turn(server: Server, tmp_path: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        refused = f"http://127.0.0.1:{closed.getsockname()[1]}/data.bin"
        urls = [refused, server.url("missing/data.bin"), server.url("wrong/data.bin"), server.url("whole/data.bin")]
        assert download(urls, folder=tmp_path, sha256=SUM).read_bytes() == CONTENT
    assert [way for way, _ in server.asked] == ["missing", "wrong", "whole"]
    assert server.asked[-1] == ("whole", None)  # nothing of the wrong file was gone on with


def test_a_transfer_that_breaks_off_is_gone_on_with(server: Server, tmp_path: Path) -> None:
    url = server.url("breaking/data.bin")
    with pytest.raises(DataError, match=r"could not be downloaded(?s:.*)it broke off after 800000 of 1000000 bytes"):
        download(url, folder=tmp_path, sha256=SUM, size=len(CONTENT))
    assert names(tmp_path) == ["data.bin.part"]
    assert download(url, folder=tmp_path, sha256=SUM, size=len(CONTENT)).read_bytes() == CONTENT
    assert server.asked == [("breaking", None), ("breaking", "bytes=400000-"), ("breaking", "bytes=800000-")]
    assert names(tmp_path) == ["data.bin"]


def test_a_mirror_goes_on_where_another_broke_off(server: Server, tmp_path: Path) -> None:
    urls = [server.url("breaking/data.bin"), server.url("whole/data.bin")]
    assert download(urls, folder=tmp_path, sha256=SUM).read_bytes() == CONTENT
    assert server.asked == [("breaking", None), ("whole", "bytes=400000-")]


def test_without_a_checksum_a_transfer_begins_anew(server: Server, tmp_path: Path) -> None:
    urls = [server.url("breaking/data.bin"), server.url("whole/data.bin")]
    assert download(urls, folder=tmp_path).read_bytes() == CONTENT
    assert server.asked == [("breaking", None), ("whole", None)]


@pytest.mark.parametrize(("way", "kept"), [("stubborn", 400_000), ("shifted", 300_000)])
def test_servers_that_do_not_go_on_as_asked(server: Server, tmp_path: Path, way: str, kept: int) -> None:
    (tmp_path / "data.bin.part").write_bytes(CONTENT[:300_000])
    urls = [server.url(f"{way}/data.bin"), server.url("whole/data.bin")]
    assert download(urls, folder=tmp_path, sha256=SUM, size=len(CONTENT)).read_bytes() == CONTENT
    assert server.asked == [(way, "bytes=300000-"), ("whole", f"bytes={kept}-")]


@pytest.mark.parametrize("part", [b"z" * 300_000, CONTENT, CONTENT + b"more", b"z" * len(CONTENT)])
@pytest.mark.parametrize("size", [None, len(CONTENT)])
def test_what_lay_there_is_only_used_if_it_fits(server: Server, tmp_path: Path, part: bytes, size: int | None) -> None:
    (tmp_path / "data.bin.part").write_bytes(part)
    assert download(server.url("whole/data.bin"), folder=tmp_path, sha256=SUM, size=size).read_bytes() == CONTENT
    assert names(tmp_path) == ["data.bin"]


def test_a_wrong_file_never_gets_its_name(server: Server, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"wrong/data\.bin(?s:.*)SHA-256(?s:.*)root=") as error:
        download(server.url("wrong/data.bin"), folder=tmp_path, sha256=SUM)
    assert str(tmp_path / "data.bin") in str(error.value)
    assert names(tmp_path) == []


@pytest.mark.parametrize(("way", "words"), [("endless", "more than the 1000000"), ("short", "it has 1000 bytes there")])
def test_no_more_and_no_less_than_its_size_is_taken(server: Server, tmp_path: Path, way: str, words: str) -> None:
    with pytest.raises(DataError, match=words):
        download(server.url(f"{way}/data.bin"), folder=tmp_path, size=len(CONTENT))
    assert not (tmp_path / "data.bin").exists()
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= len(CONTENT)


def test_a_server_that_says_nothing_is_given_up(server: Server, tmp_path: Path) -> None:
    urls = [server.url("silent/data.bin"), server.url("whole/data.bin")]
    assert download(urls, folder=tmp_path, timeout=0.3).read_bytes() == CONTENT


def test_several_processes_may_want_one_file(server: Server, tmp_path: Path) -> None:
    program = (
        "import sys; from wengert.data import download\n"
        "print(len(download(sys.argv[1], folder=sys.argv[2], sha256=sys.argv[3]).read_bytes()))"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    arguments = [sys.executable, "-c", program, server.url("slow/data.bin"), str(tmp_path), SUM]
    runs = [subprocess.Popen(arguments, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    assert [run.communicate(timeout=60)[0].strip() for run in runs] == ["1000000"] * 3
    assert server.asked == [("slow", None)] and names(tmp_path) == ["data.bin"]


def test_what_is_asked_for_is_checked(tmp_path: Path) -> None:
    for url in ("file:///etc/passwd", "ftp://example.org/x", "data.bin"):
        with pytest.raises(InputError, match="http://"):
            download(url, folder=tmp_path)
    for name in ("../x", "a/b", "..", "C:\\x", "", None, "a\0b"):
        with pytest.raises(InputError, match="no name for a file"):
            download("http://127.0.0.1/..", name, folder=tmp_path)
    with pytest.raises(InputError, match="no name for a file"):
        download("http://127.0.0.1/a/..%2F..%2Fx", folder=tmp_path)
    with pytest.raises(InputError, match="64 hexadecimal digits"):
        download("http://127.0.0.1/x", sha256="abc", folder=tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="cannot be written"):
        download("http://127.0.0.1/x", folder=tmp_path / "file")


def test_the_cache_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("WENGERT_HOME", str(tmp_path))
    assert cache_dir() == tmp_path
    monkeypatch.delenv("WENGERT_HOME")
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "x"))
    assert cache_dir() == tmp_path / "x" / "wengert"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert cache_dir() == Path.home() / ".cache" / "wengert"
    monkeypatch.setattr(sys, "platform", "darwin")
    assert cache_dir() == Path.home() / "Library" / "Caches" / "wengert"
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "y"))
    assert cache_dir() == tmp_path / "y" / "wengert"


def test_data_sets_come_through_the_cache(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WENGERT_HOME", str(tmp_path))
    file = Remote("data.bin", SUM, len(CONTENT), (server.url("whole/data.bin"),))
    assert locate(file, "mine", None) == tmp_path / "mine" / "data.bin"
    with pytest.raises(DataError, match=r"nowhere/data\.bin: there is no such file"):
        locate(file, "mine", tmp_path / "nowhere")
    assert len(server.asked) == 1


def test_a_folder_that_is_given_needs_no_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "socket", None)
    for make in (lambda: MNIST(root=tmp_path), lambda: TinyShakespeare(root=str(tmp_path))):
        with pytest.raises(DataError, match="there is no such file"):
            make()
    assert names(tmp_path) == []
