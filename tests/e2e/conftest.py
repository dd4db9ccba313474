"""Fixtures of the end-to-end tests: the mock upstream. Every test here is marked `e2e`."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from src.mock.server import MockUpstream


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this folder."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.e2e)


@pytest.fixture(scope="module")
def upstream() -> Iterator[MockUpstream]:
    """A mock upstream of this module's own; forget its requests with ``upstream.reset()``."""
    with MockUpstream() as mock:
        yield mock
