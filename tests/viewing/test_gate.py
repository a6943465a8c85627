"""The gate before an echoing server: who passes, what the server sees, and who is refused."""

import socket
import threading
from collections.abc import Iterator

import pytest

from rayloom.errors import InputError
from rayloom.viewing.gate import LOCAL_HOST, Gate, admitted


def head(path: str = "/", **fields: str) -> bytes:
    lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
    return "\r\n".join([*lines, "", ""]).encode()


@pytest.mark.parametrize("host", ["localhost:7007", "127.0.0.1:7007", "[::1]:7007", "LOCALHOST"])
def test_without_a_token_requests_pass_unchanged_under_a_name_of_this_machine(host: str):
    request = head("/a?b=c", Host=host)
    assert admitted(request, None) == request


@pytest.mark.parametrize("host", ["evil.example:7007", "192.168.0.7:7007", "", "127.0.0.1.evil.example"])
def test_without_a_token_a_foreign_name_is_refused(host: str):
    assert admitted(head(Host=host), None) is None
    assert admitted(head(), None) is None


@pytest.mark.parametrize("token", [None, "secret"])
def test_a_page_of_another_address_may_not_connect(token: str | None):
    path = f"/{token}" if token else "/"
    good = {"Host": "127.0.0.1:7007", "Upgrade": "websocket"}
    assert admitted(head(path, **good, Origin="http://127.0.0.1:7007"), token) is not None
    for origin in ("http://evil.example", "http://127.0.0.1:8000", "null"):
        assert admitted(head(path, **good, Origin=origin), token) is None


@pytest.mark.parametrize(
    ("path", "seen"),
    [
        ("/secret", "/"),
        ("/secret/", "/"),
        ("/secret/a/b.js", "/a/b.js"),
        ("/secret/?websocket=ws://h/secret", "/?websocket=ws://h/secret"),
        ("/secret?x=/y", "/?x=/y"),
    ],
)
def test_with_a_token_the_server_sees_what_follows_it(path: str, seen: str):
    assert admitted(head(path, Host="far.example:7007", Cookie="a"), "secret") == head(
        seen, Host="far.example:7007", Cookie="a"
    )


@pytest.mark.parametrize("path", ["/", "/secre", "/secrets", "/x/secret", "/?secret", "//secret", "secre/t"])
def test_without_the_token_where_there_is_one_nothing_passes(path: str):
    assert admitted(head(path, Host="localhost:7007"), "secret") is None


@pytest.mark.parametrize(
    "request_line", [b"", b"\r\n\r\n", b"GET /secret\r\n\r\n", b"\xff\xfe \x00 /\r\n\r\n"]
)
def test_what_is_no_request_is_refused(request_line: bytes):
    assert admitted(request_line, "secret") is None


class Echo:
    """A server that says what it got, byte by byte, until the other side has said all."""

    def __init__(self) -> None:
        self.socket = socket.create_server((LOCAL_HOST, 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.run, daemon=True).start()

    def run(self) -> None:
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.echo, args=(connection,), daemon=True).start()

    def echo(self, connection: socket.socket) -> None:
        with connection:
            while part := connection.recv(1000):
                connection.sendall(part)


@pytest.fixture
def echo() -> Iterator[Echo]:
    server = Echo()
    yield server
    server.socket.close()


def ask(gate: Gate, *parts: bytes) -> bytes:
    """What comes back until as much has come as was said, or the connection ends."""
    with socket.create_connection((LOCAL_HOST, gate.port), timeout=20) as connection:
        for part in parts:
            connection.sendall(part)
        answer = b""
        while len(answer) < sum(map(len, parts)) - len(gate.token or "") and (
            got := connection.recv(1 << 16)
        ):
            answer += got
        return answer


def test_bytes_go_both_ways_once_a_request_has_passed(echo: Echo):
    gate = Gate(None, 0)
    gate.open(echo.port)
    request, rest = head(Host=f"localhost:{gate.port}"), bytes(range(256)) * 1000
    assert ask(gate, request, rest) == request + rest
    assert gate.url == f"http://127.0.0.1:{gate.port}/"
    gate.close()


def test_with_a_host_only_those_with_the_token_pass(echo: Echo):
    gate = Gate("0.0.0.0", 0)
    gate.open(echo.port)
    assert gate.token is not None
    assert gate.url.endswith(f":{gate.port}/{gate.token}/")
    for upgrade in ({}, {"Upgrade": "websocket", "Connection": "Upgrade"}):
        refusal = ask(gate, head(Host="localhost", **upgrade))
        assert refusal.startswith(b"HTTP/1.1 403 Forbidden\r\n")
        assert b"with its token" in refusal
        passed = ask(gate, head(f"/{gate.token}", Host="localhost", **upgrade))
        assert passed.startswith(b"GET / HTTP/1.1\r\n")
    gate.close()


def test_every_gate_has_a_token_of_its_own():
    gates = [Gate("127.0.0.1", 0) for _ in range(2)]
    assert gates[0].token != gates[1].token
    assert all(len(gate.token or "") >= 16 for gate in gates)
    for gate in gates:
        gate.close()


def test_after_the_end_nobody_is_let_in_and_the_port_is_free(echo: Echo):
    gate = Gate(None, 0)
    gate.open(echo.port)
    with socket.create_connection((LOCAL_HOST, gate.port), timeout=20) as connection:
        connection.sendall(head(Host="localhost"))
        assert connection.recv(3) == b"GET"
        gate.close()
        while connection.recv(1000):
            pass
    Gate(None, gate.port).close()


def test_an_address_that_is_taken_or_foreign_is_told_in_one_sentence():
    gate = Gate(None, 0)
    with pytest.raises(InputError, match=f"port {gate.port}: cannot be listened at .* free --port"):
        Gate(None, gate.port)
    gate.close()
    with pytest.raises(InputError, match=r"address 192\.0\.2\.1"):
        Gate("192.0.2.1", 0)
    with pytest.raises(InputError, match="expected 0 to 65535"):
        Gate(None, 70000)
