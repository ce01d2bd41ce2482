"""A Hub on this machine: the two addresses that fetching asks, with files, checksums and mishaps of a test's choice."""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

LARGE = 1000
"""Bytes from which on a file is known by its sha256, as those in large-file storage are."""


@dataclass
class Hub:
    """Files of each repository, and what goes wrong with them."""

    files: dict[str, dict[str, bytes]]
    licences: dict[str, str] = field(default_factory=dict)
    break_after: dict[str, list[int]] = field(default_factory=dict)
    """File -> after how many bytes each of its first answers ends; 0 refuses."""
    sent_instead: dict[str, bytes] = field(default_factory=dict)
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    """(file, range) of every download."""
    revision: str = "a" * 40
    address: str = ""

    def listing(self, repository: str) -> dict[str, Any]:
        """What the real one answers to `/api/datasets/REPOSITORY?blobs=true`."""
        siblings = []
        for name, content in self.files[repository].items():
            facts: dict[str, Any] = {"rfilename": name, "size": len(content)}
            facts["blobId"] = hashlib.sha1(f"blob {len(content)}\0".encode() + content).hexdigest()
            if len(content) >= LARGE:
                digest = hashlib.sha256(content).hexdigest()
                facts |= {"blobId": "0" * 40, "lfs": {"sha256": digest, "size": len(content), "pointerSize": 130}}
            siblings.append(facts)
        card = {"license": self.licences[repository]} if repository in self.licences else {}
        return {"id": repository, "sha": self.revision, "siblings": siblings, "cardData": card}


@contextmanager
def serve(hub: Hub) -> Iterator[Hub]:
    """`hub` at its `address` while the block runs."""

    class Answer(BaseHTTPRequestHandler):
        def log_message(self, *args: Any) -> None: ...

        def reply(self, status: int, body: bytes, length: int | None = None, **headers: str) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("Content-Length", str(len(body) if length is None else length))
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self) -> None:
            path = unquote(urlsplit(self.path).path).strip("/")
            if path.startswith("api/datasets/"):
                repository = path.removeprefix("api/datasets/")
                if repository not in hub.files:
                    return self.reply(404, b"{}", X_Error_Code="RepoNotFound")
                return self.reply(200, json.dumps(hub.listing(repository)).encode())
            repository, _, rest = path.removeprefix("datasets/").partition("/resolve/")
            name = rest.partition("/")[2]
            wanted = self.headers.get("Range")
            hub.asked.append((name, wanted))
            whole = hub.sent_instead.get(name, hub.files[repository][name])
            start = int(wanted.removeprefix("bytes=").partition("-")[0]) if wanted else 0
            body = whole[start:]
            headers = {"Content_Range": f"bytes {start}-{len(whole) - 1}/{len(whole)}"} if wanted else {}
            if hub.break_after.get(name):
                length = hub.break_after[name].pop(0)
                if not length:
                    return self.reply(503, b"")
                self.close_connection = True
                return self.reply(206 if wanted else 200, body[:length], len(body), **headers)
            return self.reply(206 if wanted else 200, body, **headers)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    hub.address = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
