"""The page on the house names every room."""

from tests.conftest import ROOT

PAGE = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
ROOMS = PAGE.partition("## Rooms")[2].partition("## Conventions")[0]


def test_every_room_has_a_floor() -> None:
    house = ROOT / "minimagen"
    rooms = {path.name for path in house.glob("*.py")} - {"__init__.py"}
    rooms |= {f"{path.parent.name}/" for path in house.glob("*/__init__.py")}
    rooms = {"minimagen/__main__.py" if room == "__main__.py" else room for room in rooms}
    assert not {room for room in rooms if f"`{room}`" not in ROOMS}
