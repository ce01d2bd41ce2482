"""The notebook runs from beginning to end, at tiny settings; the page that is shipped keeps the outputs of a longer run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

NOTEBOOK = "docs/notebooks/from_the_ground_up.ipynb"


@pytest.mark.unit
def test_the_notebook_is_shipped_with_its_outputs_and_without_errors(repository: Path) -> None:
    cells = [cell for cell in json.loads((repository / NOTEBOOK).read_text())["cells"] if cell["cell_type"] == "code"]
    outputs = [output for cell in cells for output in cell["outputs"]]
    assert all(cell["execution_count"] for cell in cells)
    assert len(outputs) >= 12
    assert not [output for output in outputs if output["output_type"] == "error"]
    assert "/tmp/" not in json.dumps(outputs)
    assert (repository / NOTEBOOK).stat().st_size < 400_000


@pytest.mark.slow
@pytest.mark.integration
def test_the_notebook_runs(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nbclient = pytest.importorskip("nbclient", reason="needs nbclient and ipykernel, which the extra `test` brings")
    nbformat = pytest.importorskip("nbformat")
    monkeypatch.setenv("BABYLLAMA_NOTEBOOK_SCALE", "0.02")
    monkeypatch.setenv("BABYLLAMA_NOTEBOOK_STORIES", str(tmp_path / "none.txt"))
    monkeypatch.setenv("PYTHONPATH", str(repository))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    notebook = nbformat.read(repository / NOTEBOOK, as_version=4)
    nbclient.NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(tmp_path)}}).execute()
    printed = "".join(
        output.get("text", "") for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs
    )
    assert "parameters" in printed
    assert "after {'asked_words': " in printed
