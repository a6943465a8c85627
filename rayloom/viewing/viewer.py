"""The viewer: a viser server behind a gate, and a session for each browser window."""

import io
import threading
from contextlib import redirect_stdout

import viser

from rayloom.data.scene import Scene
from rayloom.viewing.gate import LOCAL_HOST, Gate
from rayloom.viewing.looking import Looker
from rayloom.viewing.panel import Panel
from rayloom.viewing.path_panel import PathPanel, PathPlace
from rayloom.viewing.session import Session
from rayloom.viewing.stage import Stage


class Viewer:
    """Shows a scene, and its field where there is one, to whoever opens `url`; until `close`.

    `changing` says that the field is being trained. Raises InputError where the address cannot be used.
    """

    def __init__(
        self,
        scene: Scene,
        looker: Looker | None,
        place: PathPlace,
        *,
        host: str | None = None,
        port: int = 0,
        title: str = "rayloom",
        changing: bool = False,
    ) -> None:
        self._gate = Gate(host, port)
        self._scene, self._looker, self._place, self._changing = scene, looker, place, changing
        self._sessions: dict[int, Session] = {}
        self._lock = threading.Lock()
        # viser prints where it listens, which is not where people should go.
        with redirect_stdout(io.StringIO()):
            self._server = viser.ViserServer(host=LOCAL_HOST, port=0, label=title, verbose=False)
        self._server.gui.configure_theme(show_logo=False, show_share_button=False, control_width="large")
        self._stage = Stage(self._server, scene, self._picked, has_field=looker is not None)
        self._server.on_client_connect(self._came)
        self._server.on_client_disconnect(self._left)
        self._gate.open(self._server.get_port())

    @property
    def url(self) -> str:
        """The address to open in a browser."""
        return self._gate.url

    @property
    def sessions(self) -> list[Session]:
        """Those of the windows that are open, the first one first."""
        with self._lock:
            return list(self._sessions.values())

    def close(self) -> None:
        """End all sessions, and free the address."""
        self._gate.close()
        for session in self.sessions:
            session.close()
        if self._looker is not None:
            self._looker.turns.close()
        with redirect_stdout(io.StringIO()):
            self._server.stop()

    def _came(self, client: viser.ClientHandle) -> None:
        session = Session(client, self._scene, self._stage, self._looker, changing=self._changing)
        with self._lock:
            self._sessions[client.client_id] = session
        if client.client_id not in self._server.get_clients():
            self._left(client)
            return
        Panel(session, PathPanel(session, self._place), has_field=self._looker is not None)

    def _left(self, client: viser.ClientHandle) -> None:
        with self._lock:
            session = self._sessions.pop(client.client_id, None)
        if session is not None:
            session.close()

    def _picked(self, client: viser.ClientHandle, index: int) -> None:
        with self._lock:
            session = self._sessions.get(client.client_id)
        if session is not None:
            session.go_to_photo(index)
