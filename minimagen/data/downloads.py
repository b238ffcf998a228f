"""Pictures named by URL, fetched once into a directory.

A picture is written beside and renamed, so that a second start fetches only what is missing. What
cannot be fetched is remembered with its reason: a run that is continued finds the data set as it
was. No server can hold up a run for ever, fill the disk, or pass something else off as a picture.
"""

import asyncio
import hashlib
import ipaddress
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from minimagen.cache import write_beside
from minimagen.data.extras import required
from minimagen.data.items import RejectedItem
from minimagen.data.listing import DownloadsConfig, InMemory
from minimagen.data.pictures import picture_size
from minimagen.errors import DataError

if TYPE_CHECKING:
    import httpx

REDIRECTS = 5
PAUSE_S = 0.5  # before the second try; doubled before each further one
RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504})
REFUSED = "its server is in a private network (allow it with data.downloads.private_addresses)"
AGENT = "minimagen (training on captioned pictures)"


def kept_at(root: Path, url: str) -> Path:
    """Return where the picture of a URL is kept."""
    name = hashlib.sha256(url.encode("utf-8", "surrogatepass")).hexdigest()
    return root / name[:2] / name[2:4] / name


def fetch(
    urls: Iterable[tuple[int, str]], count: int, root: Path, config: DownloadsConfig
) -> dict[int, str]:
    """Fetch the pictures that are not there yet.

    Args:
        urls: number and URL of each.
        count: how many there are.
        root: where they are kept.
        config: how.

    Returns:
        Why pictures could not be had, by number.

    Raises:
        DataError: when they cannot be written, or the package that fetches is not installed.
    """
    if not count:
        return {}
    required("httpx", "data", "a table with URLs")
    try:
        with tqdm(total=count, desc="pictures", unit="picture", leave=False) as bar:
            return asyncio.run(_Fetching(root, config, bar).all(urls))
    except OSError as error:
        raise DataError(
            f"{root}: cannot be written ({error.strerror or error}); make room, or set "
            "MINIMAGEN_CACHE to a directory elsewhere"
        ) from None


class _Unavailable(Exception):  # noqa: N818 - a picture's fate
    """A picture cannot be had; ``again`` tells whether another try may help."""

    def __init__(self, reason: str, *, again: bool = False) -> None:
        super().__init__(reason)
        self.again = again


class _Fetching:
    """Many downloads under way at a time."""

    def __init__(self, root: Path, config: DownloadsConfig, bar: Any) -> None:
        self.root, self.config, self.bar = root, config, bar
        self.problems: dict[int, str] = {}

    async def all(self, urls: Iterable[tuple[int, str]]) -> dict[int, str]:
        """Fetch what is missing; returns what could not be had, and why."""
        waiting = iter(urls)
        async with _client(self.config) as client:
            workers = (self._some(waiting, client) for _ in range(self.config.at_once))
            await asyncio.gather(*workers)
        return self.problems

    async def _some(self, waiting: Iterable[tuple[int, str]], client: "httpx.AsyncClient") -> None:
        """Take one URL after the other from those that nobody has taken yet."""
        for number, url in waiting:
            problem = await self._problem_with(url, client)
            if problem is not None:
                self.problems[number] = problem
            self.bar.update()

    async def _problem_with(self, url: str, client: "httpx.AsyncClient") -> str | None:
        """Return why a picture cannot be had; None when it is there."""
        path = kept_at(self.root, url)
        failure = path.with_suffix(".failed")
        if path.exists():
            return None
        remembered = _remembered(failure, self.config.remember_failures_days)
        if remembered is not None:
            return remembered
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            write_beside(path, await self._patiently(url, client))
            failure.unlink(missing_ok=True)
        except _Unavailable as unavailable:
            write_beside(failure, str(unavailable).encode())
            return str(unavailable)
        return None

    async def _patiently(self, url: str, client: "httpx.AsyncClient") -> bytes:
        for attempt in range(self.config.tries - 1):
            try:
                return await self._download(url, client)
            except _Unavailable as unavailable:
                if not unavailable.again:
                    raise
            await asyncio.sleep(PAUSE_S * 2**attempt)
        return await self._download(url, client)

    async def _download(self, url: str, client: "httpx.AsyncClient") -> bytes:
        """Fetch a picture, once; everything a server can do wrong has a reason."""
        import httpx

        try:
            async with asyncio.timeout(self.config.whole_s):
                content = await self._body(url, client)
            picture_size(InMemory(content))
        except TimeoutError:
            reason = f"download took over {self.config.whole_s:g} s"
            raise _Unavailable(reason, again=True) from None
        except httpx.TimeoutException:
            raise _Unavailable("server does not answer", again=True) from None
        except httpx.TooManyRedirects:
            raise _Unavailable(f"more than {REDIRECTS} redirects") from None
        except (httpx.UnsupportedProtocol, httpx.InvalidURL, UnicodeError):
            raise _Unavailable("not a URL of http or https") from None
        except httpx.ConnectError:
            raise _Unavailable("server cannot be reached", again=True) from None
        except httpx.HTTPError:
            raise _Unavailable("download broke off", again=True) from None
        except RejectedItem as rejected:
            raise _Unavailable(f"what came is no picture: {rejected}") from None
        return content

    async def _body(self, url: str, client: "httpx.AsyncClient") -> bytes:
        """Read an answer as far as the limit."""
        limit = int(self.config.max_mb * 1e6)
        content = bytearray()
        async with client.stream("GET", url) as response:
            if response.status_code != 200:
                status = response.status_code
                raise _Unavailable(f"server answers {status}", again=status in RETRIED)
            async for part in response.aiter_bytes():
                content += part
                if len(content) > limit:
                    raise _Unavailable(f"over {self.config.max_mb:g} MB")
        return bytes(content)


def _client(config: DownloadsConfig) -> "httpx.AsyncClient":
    import httpx

    return httpx.AsyncClient(
        timeout=httpx.Timeout(config.connect_s, pool=None),
        limits=httpx.Limits(max_connections=config.at_once),
        follow_redirects=True,
        max_redirects=REDIRECTS,
        headers={"User-Agent": AGENT, "Accept": "image/*", "Accept-Encoding": "identity"},
        event_hooks={} if config.private_addresses else {"request": [_refuse_private]},
    )


async def _refuse_private(request: "httpx.Request") -> None:
    """Look where each request of a chain of redirects goes before it is sent."""
    import httpx

    try:
        found = await asyncio.get_running_loop().getaddrinfo(request.url.host, request.url.port)
    except OSError:
        raise httpx.ConnectError("unknown host") from None
    if not all(ipaddress.ip_address(address[0]).is_global for *_, address in found):
        raise _Unavailable(REFUSED)


def _remembered(failure: Path, days: float) -> str | None:
    """Return why a picture could not be had when it was last tried."""
    try:
        if time.time() - failure.stat().st_mtime < days * 86400:
            return failure.read_text(encoding="utf-8")
    except OSError:
        pass
    return None
