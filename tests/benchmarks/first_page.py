"""How long the first page takes, from the start of the server's process to the end of the script's first run."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import ClientConnection, connect

from tests.serving import CHECKOUT, serve

BARE_APP = 'import streamlit as st\n\nst.title("An app without any library")\n'
EAGER_APP = """
import plotly.express
import pydicom
import pytorch_grad_cam
import SimpleITK
import streamlit as st
import torch
import torchvision

st.title("An app that imports everything at its top")
"""
"""What the usual app of this kind imports before it shows anything."""


def first_page_s(script: Path, *, checkout: Path = CHECKOUT) -> float:
    """Start a server on this script, open its first page over the WebSocket as a browser does, and stop it.

    Returns
    -------
    float
        Seconds from just before the process is made until everything of the page was sent.
    """
    with tempfile.TemporaryDirectory() as folder, serve(script, folder=Path(folder), checkout=checkout) as server:
        address = server.url.replace("http://", "ws://") + "/_stcore/stream"
        with connect(address, subprotocols=["streamlit"], max_size=None) as socket:
            _run_script(socket)
            return time.perf_counter() - server.started


def made_app_s(program: str) -> float:
    """Like `first_page_s`, of an app that is only this program."""
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "app.py"
        script.write_text(program, "utf-8")
        return first_page_s(script, checkout=Path(folder))


def _run_script(socket: ClientConnection) -> None:
    request = BackMsg()
    request.rerun_script.query_string = ""
    socket.send(request.SerializeToString())
    message = ForwardMsg()
    while message.WhichOneof("type") != "script_finished":
        message.ParseFromString(bytes(socket.recv(timeout=60)))
        if message.delta.new_element.WhichOneof("type") == "exception":
            raise RuntimeError(f"the page shows an error: {message.delta.new_element.exception.message}")
    if message.script_finished != ForwardMsg.FINISHED_SUCCESSFULLY:
        raise RuntimeError(f"the page ended with {ForwardMsg.ScriptFinishedStatus.Name(message.script_finished)}")
