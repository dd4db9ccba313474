"""What the demo leaves behind where its mock does not start."""

import os
from pathlib import Path

import pytest

from src.errors import NotStarted
from src.launch.demo import start_demo


def test_a_demo_whose_mock_does_not_start_says_so_and_leaves_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(NotStarted, match="the demo's mock upstream did not start") as caught:
        start_demo({"PATH": os.environ["PATH"]}, "no_such_package")
    assert caught.value.exit_code == 3
    assert list(tmp_path.iterdir()) == []
