"""A run on the Hugging Face Hub: what is there is looked at first, what differs is sent, what arrived is checked.

Every branch is one commit, so that a reader never sees half of it, and `main` comes last. After a break the same call goes
on: branches that are whole are left alone, and files that the Hub has already are not sent again.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from babyllama import console
from babyllama.corpus.fetching.hub import endpoint, first_line, is_out_of_reach
from babyllama.errors import BabyLlamaError, RunError
from babyllama.publishing.hub_files import MAIN, OWN, Branch, Upload
from babyllama.text import file_size, listed, plural

if TYPE_CHECKING:
    from huggingface_hub import HfApi

WAITS = (2.0, 8.0, 30.0)
"""Seconds before a branch is tried again, after a break of the connection or an error of the Hub's own."""
NOBODYS = {".gitattributes"}
"""What the Hub puts into a new repository by itself."""


@dataclass(frozen=True)
class Remote:
    """A file as it lies in the repository."""

    size: int
    sha256: str | None
    """Of large files; the others are known by `git_sha1`."""
    git_sha1: str

    def is_same(self, file: Upload) -> bool:
        """Does it hold what `file` does?"""
        return self.size == file.size and (
            self.sha256 == file.sha256 if self.sha256 else self.git_sha1 == file.git_sha1
        )


def push(repo_id: str, branches: list[Branch], *, private: bool, overwrite: bool = False) -> str:
    """Make the repository hold `branches`, and return its address.

    RunError when there is no token or it may not write there, when the Hub is out of reach, and when a branch holds something
    else than this run, which only `overwrite` replaces.
    """
    from huggingface_hub import HfApi, get_token
    from huggingface_hub.utils import disable_progress_bars

    if get_token() is None:
        raise RunError(
            "no token for the Hub: `hf auth login` stores one, or set HF_TOKEN (https://huggingface.co/settings/tokens, "
            "with the right to write). --dry-run shows what would be sent without one."
        )
    disable_progress_bars()
    api = HfApi(endpoint=endpoint())
    page = f"{endpoint()}/{repo_id}"
    there = _again_while_it_breaks(repo_id, lambda: _open(api, repo_id, private=private))
    found = {branch.name: _files(api, repo_id, branch.name) for branch in branches if branch.name in there}
    if not overwrite:
        for branch in branches:
            _refuse_others(repo_id, branch, found.get(branch.name, {}), is_new=branch.name not in there)
    for number, branch in enumerate(branches, start=1):
        done = f"{number}/{len(branches)} {branch.name}"
        _again_while_it_breaks(repo_id, lambda branch=branch, done=done: _push_branch(api, repo_id, branch, done))
    return page


def _open(api: HfApi, repo_id: str, *, private: bool) -> set[str]:
    """Make the repository where there is none; its branches."""
    from huggingface_hub.errors import RepositoryNotFoundError

    with _told(repo_id):
        try:
            refs = api.list_repo_refs(repo_id)
        except RepositoryNotFoundError:
            api.create_repo(repo_id, private=private, exist_ok=True)
            console.say(f"made {repo_id}" + (", private" if private else ""))
            refs = api.list_repo_refs(repo_id)
    return {branch.name for branch in refs.branches}


def _files(api: HfApi, repo_id: str, branch: str) -> dict[str, Remote]:
    """What lies on a branch."""
    from huggingface_hub.hf_api import RepoFile

    with _told(repo_id):
        found = [
            one for one in api.list_repo_tree(repo_id, recursive=True, revision=branch) if isinstance(one, RepoFile)
        ]
    return {one.path: Remote(one.size, one.lfs.sha256 if one.lfs else None, one.blob_id) for one in found}


def _refuse_others(repo_id: str, branch: Branch, there: dict[str, Remote], *, is_new: bool) -> None:
    """RunError when `branch` holds files and they are not of this run."""
    own = next((file for file in branch.files if file.name == OWN), None)
    others = sorted(set(there) - NOBODYS)
    if is_new or not others or (own is not None and OWN in there and there[OWN].is_same(own)):
        return
    if others == ["README.md"] and branch.name == MAIN:
        return  # a repository that was made on the Hub's page, with its first card
    raise RunError(
        f"{repo_id} holds something else than this run on {branch.name} ({listed(others)}): name another repository with "
        "--repo-id, or replace what is there with --overwrite (the Hub keeps its history)."
    )


def _push_branch(api: HfApi, repo_id: str, branch: Branch, title: str) -> None:
    """Send what differs in one commit, and look whether it arrived."""
    with _told(repo_id):
        is_new = branch.name not in {one.name for one in api.list_repo_refs(repo_id).branches}
        if is_new:
            api.create_branch(repo_id, branch=branch.name, exist_ok=True)
        there = _files(api, repo_id, branch.name)
        changed = [file for file in branch.files if file.name not in there or not there[file.name].is_same(file)]
        names = {file.name for file in branch.files}
        gone = [name for name in there if name not in names | NOBODYS and _goes(name, branch)]
        if not changed and not gone:
            console.say(f"  {title}: up to date")
            return
        console.say(f"  {title}: {plural(len(changed), 'file')}, {file_size(sum(file.size for file in changed))}")
        _commit(api, repo_id, branch, changed, gone)
        there = _files(api, repo_id, branch.name)
    wrong = [file.name for file in branch.files if file.name not in there or not there[file.name].is_same(file)]
    if wrong:
        raise RunError(f"{repo_id}, {branch.name}: {listed(wrong)} did not arrive as sent. Run the same command again.")


def _goes(name: str, branch: Branch) -> bool:
    """Does a file that we do not send go? What a checkpoint's branch took over from `main` does, and weights of another cut."""
    return branch.name != MAIN or name.endswith((".safetensors", ".safetensors.index.json"))


def _commit(api: HfApi, repo_id: str, branch: Branch, changed: list[Upload], gone: list[str]) -> None:
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    operations: list[Any] = [
        CommitOperationAdd(file.name, file.content if isinstance(file.content, bytes) else str(file.content))
        for file in changed
    ]
    operations += [CommitOperationDelete(name) for name in gone]
    api.create_commit(repo_id, operations, commit_message="Upload with BabyLlama", revision=branch.name)


def _again_while_it_breaks(repo_id: str, work: Any) -> Any:
    """What `work` returns, tried again after a while when the connection breaks or the Hub has an error of its own."""
    for wait in WAITS:
        try:
            return work()
        except _Broken as error:
            console.warn(f"{repo_id}: {error.reason}; trying again in {wait:g} s")
            time.sleep(wait)
    return work()


class _Broken(RunError):
    """The connection broke, or the Hub failed: worth another try."""

    def __init__(self, repo_id: str, reason: str) -> None:
        self.reason = reason
        super().__init__(
            f"the Hub is out of reach, or the connection broke ({reason}). What {repo_id} has got by now stays: run the same "
            "command again, and it goes on."
        )


@contextlib.contextmanager
def _told(repo_id: str) -> Iterator[None]:
    """What the Hub or the way to it does wrong, as one RunError that says what to do."""
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    try:
        yield
    except BabyLlamaError:
        raise
    except OfflineModeIsEnabled as error:
        raise RunError(
            "offline: HF_HUB_OFFLINE is set, so nothing was pushed. Unset it where there is a network."
        ) from error
    except HfHubHTTPError as error:
        status = error.response.status_code if error.response is not None else 0
        if status >= 500 or status == 429:
            raise _Broken(repo_id, first_line(error)) from error
        if status in (401, 403, 404):
            raise RunError(
                f"the token may not write to {repo_id} ({first_line(error)}). Name a repository of your own with --repo-id, "
                "or log in with a token that may (`hf auth login`)."
            ) from error
        raise RunError(f"the Hub refused {repo_id}: {first_line(error)}") from error
    except ValueError as error:  # the Hub's own check of the card, which happens before anything is sent
        raise RunError(f"the Hub refused {repo_id}: {' '.join(str(error).split())}") from error
    except Exception as error:
        if not is_out_of_reach(error) and not isinstance(error, RuntimeError):
            raise
        raise _Broken(repo_id, first_line(error)) from error
