"""Places on the map, well enough for "near": a grid of cells and great-circle distances."""

from collections.abc import Iterator
from math import asin, cos, radians, sin, sqrt
from typing import Generic, TypeVar

EARTH_RADIUS_M = 6_371_000.0
METRES_PER_DEGREE = 111_000.0
_COS_MIN = 0.01

Thing = TypeVar("Thing")


def distance_m(lat_a: float, lon_a: float, lat_b: float, lon_b: float) -> float:
    """Return the distance of two places."""
    half_lat, half_lon = radians(lat_b - lat_a) / 2, radians(lon_b - lon_a) / 2
    chord = sin(half_lat) ** 2 + cos(radians(lat_a)) * cos(radians(lat_b)) * sin(half_lon) ** 2
    return 2 * EARTH_RADIUS_M * asin(min(1.0, sqrt(chord)))


def margin_degrees(lat: float, within_m: float) -> tuple[float, float]:
    """Return how many degrees north and east ``within_m`` can reach at most."""
    degrees = within_m / METRES_PER_DEGREE * 1.01
    return degrees, degrees / max(_COS_MIN, cos(radians(lat)))


class PlaceIndex(Generic[Thing]):
    """Finds things within ``within_m`` of a place without looking at all of them."""

    def __init__(self, within_m: float) -> None:
        self._within_m = within_m
        self._cell = within_m / METRES_PER_DEGREE * 2
        self._cells: dict[tuple[int, int], list[tuple[float, float, Thing]]] = {}

    def add(self, lat: float, lon: float, thing: Thing) -> None:
        """Put ``thing`` on the map."""
        self._cells.setdefault((int(lat // self._cell), int(lon // self._cell)), []).append((lat, lon, thing))

    def near(self, lat: float, lon: float) -> Iterator[tuple[float, Thing]]:
        """Yield (distance in metres, thing) of everything in reach."""
        north, east = margin_degrees(lat, self._within_m)
        for row in range(int((lat - north) // self._cell), int((lat + north) // self._cell) + 1):
            for column in range(int((lon - east) // self._cell), int((lon + east) // self._cell) + 1):
                for there_lat, there_lon, thing in self._cells.get((row, column), ()):
                    metres = distance_m(lat, lon, there_lat, there_lon)
                    if metres <= self._within_m:
                        yield metres, thing
