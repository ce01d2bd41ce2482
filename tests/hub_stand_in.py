"""A Hub on this machine: what fetching asks and what pushing sends, with checksums and mishaps of a test's choice.

The answers to a push are those that huggingface_hub documents (hf_api.py, _commit_api.py, lfs.py) for the plain protocol:
`preupload` decides which files are large, those go to the store by SHA-256, and a commit names everything else.
"""

import base64
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
    models: dict[str, dict[str, dict[str, bytes]]] = field(default_factory=dict)
    """Model repository -> branch -> file -> content."""
    private: set[str] = field(default_factory=set)
    commits: list[tuple[str, str, list[str]]] = field(default_factory=list)
    """(repository, branch, files) of every commit."""
    store: dict[str, bytes] = field(default_factory=dict)
    """Large files by SHA-256."""
    refused: dict[str, list[int]] = field(default_factory=dict)
    """Part of an address -> status codes of the first answers to a POST or PUT there; 0 breaks the connection."""
    token: str = "hf_stand_in"
    """The one that may write."""
    lose_answers: int = 0
    """So many commits are done, but the connection breaks before the answer."""
    spoil: dict[str, bytes] = field(default_factory=dict)
    """File -> what is kept instead of what a commit sent."""
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

    def tree(self, repository: str, branch: str) -> list[dict[str, Any]]:
        """What the real one answers to `/api/models/REPOSITORY/tree/BRANCH?recursive=true`."""
        found = []
        for name, content in sorted(self.models[repository][branch].items()):
            one: dict[str, Any] = {"type": "file", "path": name, "size": len(content), "oid": git_sha1(content)}
            if len(content) >= LARGE:
                one |= {"oid": "0" * 40, "lfs": {"oid": sha256(content), "size": len(content), "pointerSize": 130}}
            found.append(one)
        return found

    def commit(self, repository: str, branch: str, lines: list[dict[str, Any]]) -> None:
        """One commit as it comes: a header, then files and deletions."""
        files, names = self.models[repository][branch], []
        for line in lines:
            value = line["value"]
            if line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                files[value["path"]] = self.store[value["oid"]]
            elif line["key"] == "deletedFile":
                del files[value["path"]]
            names += [value["path"]] if line["key"] != "header" else []
        files |= {name: self.spoil.pop(name) for name in names if name in self.spoil}
        self.commits.append((repository, branch, names))


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def git_sha1(content: bytes) -> str:
    return hashlib.sha1(f"blob {len(content)}\0".encode() + content).hexdigest()


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
            if path.startswith("api/models/"):
                return self.about_a_model(path.removeprefix("api/models/"))
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

        def about_a_model(self, path: str) -> None:
            owner, name, what, *rest = [*path.split("/"), ""]
            branches = hub.models.get(f"{owner}/{name}")
            if branches is None:
                return self.reply(404, b"{}", X_Error_Code="RepoNotFound")
            if what == "refs":
                refs = [{"name": one, "ref": f"refs/heads/{one}", "targetCommit": "b" * 40} for one in branches]
                return self.answer({"branches": refs, "converts": [], "tags": []})
            assert what == "tree", path
            return self.answer(hub.tree(f"{owner}/{name}", rest[0]))

        def answer(self, value: Any, status: int = 200) -> None:
            self.reply(status, json.dumps(value).encode(), Content_Type="application/json")

        def body(self) -> bytes:
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))

        def mishap(self, path: str) -> bool:
            """Answer wrongly where the test wants it."""
            for part, statuses in hub.refused.items():
                if part in path and statuses:
                    status = statuses.pop(0)
                    self.close_connection = True
                    if status:
                        self.answer({"error": "mishap"}, status)
                    return True
            if self.headers.get("Authorization") != f"Bearer {hub.token}" and not path.startswith("store/"):
                self.answer({"error": "Invalid username or password."}, 401)
                return True
            return False

        def do_PUT(self) -> None:
            content, path = self.body(), self.path.strip("/")
            if self.mishap(path):
                return None
            hub.store[path.removeprefix("store/")] = content
            return self.reply(200, b"")

        def do_POST(self) -> None:
            content, path = self.body(), unquote(urlsplit(self.path).path).strip("/")
            if self.mishap(path):
                return None
            if path == "api/repos/create":
                asked = json.loads(content)
                name = f"{asked['organization']}/{asked['name']}"
                hub.models[name] = {"main": {".gitattributes": b"* text"}}
                hub.private |= {name} if asked.get("visibility") == "private" or asked.get("private") else set()
                return self.answer({"url": f"{hub.address}/{name}"})
            if path == "api/validate-yaml":
                valid = json.loads(content)["content"].startswith("---\n")
                return self.answer({"errors": [] if valid else [{"message": "no metadata"}]}, 200 if valid else 400)
            if path.endswith(".git/info/lfs/objects/batch"):
                found = [self.large(one) for one in json.loads(content)["objects"]]
                return self.answer({"transfer": "basic", "objects": found})
            owner, name, what, revision = path.removeprefix("api/models/").split("/")
            branches = hub.models[f"{owner}/{name}"]
            if what == "branch":
                branches[revision] = dict(branches["main"])
                return self.answer({})
            if what == "preupload":
                files = json.loads(content)["files"]
                modes = [{"path": one["path"], "uploadMode": mode(one), "shouldIgnore": False} for one in files]
                return self.answer({"files": modes})
            assert what == "commit"
            hub.commit(f"{owner}/{name}", revision, [json.loads(line) for line in content.splitlines()])
            if hub.lose_answers:
                hub.lose_answers -= 1
                self.close_connection = True
                return None
            return self.answer({"commitUrl": f"{hub.address}/{owner}/{name}/commit/{'c' * 40}", "commitOid": "c" * 40})

        def large(self, one: dict[str, Any]) -> dict[str, Any]:
            """Where a large file goes; nowhere, if it is there."""
            there = {"oid": one["oid"], "size": one["size"]}
            goes = {"actions": {"upload": {"href": f"{hub.address}/store/{one['oid']}"}}}
            return there if one["oid"] in hub.store else there | goes

    def mode(one: dict[str, Any]) -> str:
        return "lfs" if one["size"] >= LARGE else "regular"

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    hub.address = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
