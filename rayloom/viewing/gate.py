"""Who may look: a gate before the viewer's own server, which listens on this machine only.

Each connection opens with the head of an HTTP request, also where it becomes a websocket. The gate reads the
head, refuses it or passes it on, and from then on copies bytes both ways.
"""

import asyncio
import secrets
import socket
import threading
from collections.abc import Callable
from urllib.parse import urlsplit

from rayloom.errors import InputError

LOCAL_HOST = "127.0.0.1"
_LOCAL_NAMES = {"localhost", LOCAL_HOST, "::1"}
_SECONDS_FOR_A_HEAD = 10.0
_REFUSAL = b"Refused: open the address that rayloom printed, with its token.\n"
_FORBIDDEN = (
    b"HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain\r\nConnection: close\r\n"
    b"Content-Length: %d\r\n\r\n%s" % (len(_REFUSAL), _REFUSAL)
)


def admitted(head: bytes, token: str | None) -> bytes | None:
    """The head of a request as the server behind the gate shall see it; None where it is refused.

    With a token, paths begin with it, and the server sees what follows. Without one, only this machine may
    look, under a name of its own: a foreign name that leads here is a web page's trick (DNS rebinding). In
    either case no page of another address may open a websocket.
    """
    request, *fields = head.decode("latin-1").split("\r\n")
    if request.count(" ") != 2:
        return None
    headers = {name.lower(): value.strip() for name, _, value in (field.partition(":") for field in fields)}
    host, origin = headers.get("host", ""), headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != host:
        return None
    if token is None:
        return head if urlsplit(f"//{host}").hostname in _LOCAL_NAMES else None
    verb, target, version = request.split(" ")
    path, mark, query = target.partition("?")
    given, _, below = path.removeprefix("/").partition("/")
    if not secrets.compare_digest(given.encode(), token.encode()):
        return None
    return "\r\n".join([f"{verb} /{below}{mark}{query} {version}", *fields]).encode("latin-1")


class Gate:
    """Listens at an address, and passes those that are admitted on to a port of this machine.

    `host` None means this machine only, without a token. Raises InputError where the address is taken or
    is none of this machine.
    """

    def __init__(self, host: str | None, port: int) -> None:
        self.token = None if host is None else secrets.token_urlsafe(16)
        if not 0 <= port < 1 << 16:
            raise InputError("--port", f"is {port}; expected 0 to 65535")
        try:
            family, _, _, _, address = socket.getaddrinfo(host or LOCAL_HOST, port, type=socket.SOCK_STREAM)[
                0
            ]
            self._socket = socket.create_server(address[:2], family=family)
        except OSError as error:
            where = f"address {host or LOCAL_HOST}, port {port}"
            problem = f"cannot be listened at ({error.strerror or error}); expected a free --port"
            raise InputError(where, problem) from error
        self.port: int = self._socket.getsockname()[1]
        self._stop: Callable[[], None] = self._socket.close

    @property
    def url(self) -> str:
        """The address to open; a gate that listens everywhere is called by the machine's name."""
        name = self._socket.getsockname()[0]
        name = socket.gethostname() if name in ("0.0.0.0", "::") else f"[{name}]" if ":" in name else name
        return f"http://{name}:{self.port}/" + (f"{self.token}/" if self.token else "")

    def open(self, inner_port: int) -> None:
        """Let people in, to the server at a port of this machine."""
        loop, stopped = asyncio.new_event_loop(), asyncio.Event()

        def run() -> None:
            with asyncio.Runner(loop_factory=lambda: loop) as runner:
                runner.run(self._serve(inner_port, stopped))

        thread = threading.Thread(target=run, name="gate", daemon=True)
        thread.start()

        def stop() -> None:
            loop.call_soon_threadsafe(stopped.set)
            thread.join()

        self._stop = stop

    def close(self) -> None:
        """Let nobody in any more, and end the connections."""
        self._stop()

    async def _serve(self, inner_port: int, stopped: asyncio.Event) -> None:
        async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                await self._pass_on(reader, writer, inner_port)
            except (OSError, EOFError, TimeoutError, asyncio.LimitOverrunError, asyncio.CancelledError):
                pass  # They have gone, were no browser, or the gate closes.
            finally:
                writer.close()

        server = await asyncio.start_server(pass_on, sock=self._socket)
        await stopped.wait()
        server.close()

    async def _pass_on(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, inner_port: int
    ) -> None:
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), _SECONDS_FOR_A_HEAD)
        passed = admitted(head, self.token)
        if passed is None:
            writer.write(_FORBIDDEN)
            await writer.drain()
            return
        inner_reader, inner_writer = await asyncio.open_connection(LOCAL_HOST, inner_port)
        try:
            inner_writer.write(passed)
            ways = [_copy(reader, inner_writer), _copy(inner_reader, writer)]
            tasks = [asyncio.create_task(way) for way in ways]
            _, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in pending:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        finally:
            inner_writer.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while part := await reader.read(1 << 16):
        writer.write(part)
        await writer.drain()
