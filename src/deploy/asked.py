"""What the operator asks of a rendering, checked: images that are pinned, names that Kubernetes takes."""

import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass

from .. import __version__
from ..errors import Problem

IMAGE = f"litellm-local-gateway:{__version__}"
LOOPBACK = "127.0.0.1"
_REPOSITORY = r"[a-z0-9]+(?:[.:/_-]+[A-Za-z0-9]+)*"
_PINNED = re.compile(rf"(?:{_REPOSITORY}/)?{_REPOSITORY}(?::(?!latest(?:@|$))[\w][\w.-]{{0,127}}|@sha256:[0-9a-f]{{64}}"
                     rf"|:[\w][\w.-]{{0,127}}@sha256:[0-9a-f]{{64}})", re.ASCII)
# RFC 1123, section 2.1, for a namespace; RFC 1035, section 2.3.1, for the name, because a Service has it too.
_NAMESPACE = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_NAME = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?")
_QUANTITY = re.compile(r"[1-9][0-9]{0,5}(Mi|Gi|Ti)")


@dataclass(frozen=True)
class Compose:
    """What `render compose` was asked for: the services beside the gateway, and the address they are reached at."""

    image: str = IMAGE
    publish: str = LOOPBACK
    postgres: bool = False
    discovery: bool = False
    prometheus: bool = False

    def problems(self) -> Iterator[Problem]:
        """Yield what is wrong with it."""
        yield from image_problems(self.image)
        if self.published is None:
            yield Problem(f"{self.publish[:80]!a} is no address of this machine", "--publish", "--publish 0.0.0.0")

    @property
    def published(self) -> str | None:
        """Return the address as compose writes it before a port, None where it is none."""
        try:
            address = ipaddress.ip_address(self.publish)
        except ValueError:
            return None
        return f"[{address}]" if address.version == 6 else str(address)


@dataclass(frozen=True)
class Kubernetes:
    """What `render k8s` was asked for. ``storage`` is a Kubernetes quantity, None for one that fits the ledger."""

    namespace: str
    name: str
    image: str = IMAGE
    replicas: int = 1
    secret: bool = True
    postgres: bool = False
    storage: str | None = None

    def problems(self) -> Iterator[Problem]:
        """Yield what is wrong with it, save what depends on the plan."""
        yield from image_problems(self.image)
        if not _NAMESPACE.fullmatch(self.namespace):
            yield Problem(f"{self.namespace[:80]!a} is no name for a namespace", "--namespace",
                          "use at most 63 small letters, digits and hyphens, a letter or digit at both ends (RFC 1123)")
        if not _NAME.fullmatch(self.name):
            yield Problem(f"{self.name[:80]!a} is no name for a Deployment and its Service", "--name",
                          "use at most 63 small letters, digits and hyphens, a letter first and no hyphen last "
                          "(RFC 1035)")
        if self.storage is not None and not _QUANTITY.fullmatch(self.storage):
            yield Problem(f"{self.storage[:80]!a} is no size of a volume", "--storage", "--storage 5Gi")


def image_problems(image: str) -> Iterator[Problem]:
    """Yield the problem of an image that another pull could replace by something else."""
    if not _PINNED.fullmatch(image):
        yield Problem(f"the image {image[:200]!a} is not pinned", "--image",
                      f"name a version or a digest: --image {IMAGE} or --image name@sha256:...")
