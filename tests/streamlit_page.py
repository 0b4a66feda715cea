"""A page of the app as its browser sees it, over Streamlit's own socket, without a browser."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import httpx
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.Common_pb2 import FileURLs
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.sync.client import ClientConnection, connect

PATIENCE_S = 120.0


class StreamlitPage:
    """One session.

    elements   what the page draws, by kind: protobuf messages, in the order of their coming
    session_id   as Streamlit names it
    wish         the last message that was sent
    """

    def __init__(self, socket: ClientConnection, url: str, headers: Mapping[str, str]) -> None:
        self._socket, self._url, self._headers = socket, url, headers
        self.elements: list[tuple[str, Any]] = []
        self.exceptions: list[str] = []
        self.session_id = ""
        self.wish = b""
        self._states: dict[str, WidgetState] = {}
        self._page, self._query = "", ""
        self._place = FileURLs()

    def open(self, page: str, query: str = "") -> StreamlitPage:
        """Goes to a page, "" for the first; returns when it has been drawn."""
        self._page, self._query = page, query
        self._states.clear()
        return self._rerun()

    def press(self, label: str) -> StreamlitPage:
        """Presses the button whose label has this word; LookupError where there is none, or it
        cannot be pressed."""
        button_id = self.button(label)
        if button_id is None:
            raise LookupError(f"no button {label} on {self._page}: {sorted(self.labels())}")
        if any(kind == "button" and each.id == button_id and each.disabled
               for kind, each in self.elements):  # fmt: skip
            raise LookupError(f"{label} on {self._page} cannot be pressed now")
        return self.forge(WidgetState(id=button_id, trigger_value=True))

    def forge(self, *states: WidgetState) -> StreamlitPage:
        """Sends states of widgets, there or not."""
        return self._rerun(states)

    def upload(self, uploader_id: str, name: str, content: bytes) -> StreamlitPage:
        """Puts a file into a field for files, there or not, whatever the server says to it."""
        wish = BackMsg()
        wish.file_urls_request.session_id = self.session_id
        wish.file_urls_request.file_names.append(name)
        self._socket.send(wish.SerializeToString())
        while self._hear() != "file_urls_response":
            pass
        with httpx.Client(base_url=self._url, headers=self._headers, trust_env=False) as client:
            token = client.get("/_stcore/health").cookies.get("_streamlit_xsrf", "")
            headers = {"X-Xsrftoken": token}
            client.put(self._place.upload_url, files={"file": (name, content)}, headers=headers)
        state = WidgetState(id=uploader_id)
        state.file_uploader_state_value.uploaded_file_info.add(
            name=name, size=len(content), file_id=self._place.file_id, file_urls=self._place
        )
        return self.forge(state)

    def button(self, word: str) -> str | None:
        """The id of the button whose label has this word; None where there is none."""
        return next((id for label, id in self.labels().items() if word in label.split()), None)

    def labels(self) -> Mapping[str, str]:
        """The ids of all buttons by their labels."""
        return {each.label: each.id for kind, each in self.elements if kind == "button"}

    def texts(self) -> Sequence[str]:
        """All that is written on the page: text, Markdown, HTML, alerts."""
        return [
            str(getattr(each, "body", "") or getattr(each, "label", ""))
            for _, each in self.elements
        ]

    def components(self) -> str:
        """What the components of the page were given."""
        return " ".join(str(each) for kind, each in self.elements if kind == "bidi_component")

    def _rerun(self, triggers: Sequence[WidgetState] = ()) -> StreamlitPage:
        wish = BackMsg()
        wish.rerun_script.query_string = self._query
        wish.rerun_script.page_name = self._page
        wish.rerun_script.widget_states.widgets.extend([*self._states.values(), *triggers])
        self.elements.clear()
        self.exceptions.clear()
        self.wish = wish.SerializeToString()
        self._socket.send(self.wish)
        while self._hear() != "script_finished":
            pass
        return self

    def _hear(self) -> str:
        """Takes one message; its kind, empty where a script ended that another one follows."""
        message = ForwardMsg()
        message.ParseFromString(self._socket.recv(PATIENCE_S, decode=False))
        kind = message.WhichOneof("type")
        if kind == "new_session":
            self.session_id = message.new_session.initialize.session_id
        elif kind == "page_info_changed":
            self._query = message.page_info_changed.query_string
        elif kind == "delta" and message.delta.WhichOneof("type") == "new_element":
            element = message.delta.new_element
            name = element.WhichOneof("type")
            self.elements.append((name, getattr(element, name)))
            if name == "exception":
                self.exceptions.append(element.exception.message)
        elif kind == "file_urls_response":
            self._place = message.file_urls_response.file_urls[0]
        elif kind == "script_finished" and message.script_finished not in (
            ForwardMsg.FINISHED_SUCCESSFULLY,
            ForwardMsg.FINISHED_WITH_COMPILE_ERROR,
        ):
            return ""
        return kind

    @property
    def query(self) -> str:
        """What stands in the page's address after its question mark."""
        return self._query


@contextmanager
def streamlit_page(url: str, **headers: str) -> Iterator[StreamlitPage]:
    """A session of the server at `url`; `headers` go before those of a page of this server, with
    underscores for hyphens."""
    parts = urlsplit(url)
    origin = headers.pop("Origin", f"{parts.scheme}://{headers.get('Host', parts.netloc)}")
    more = {name.replace("_", "-"): value for name, value in headers.items()}
    address = f"{url.replace('http', 'ws', 1)}/_stcore/stream"
    with connect(
        address,
        subprotocols=["streamlit"],  # type: ignore[list-item]
        max_size=None,
        origin=origin,  # type: ignore[arg-type]
        additional_headers=more,
        open_timeout=PATIENCE_S,
    ) as socket:
        yield StreamlitPage(socket, url, more)
