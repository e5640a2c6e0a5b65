"""From boxes in single pictures to objects over time, at any frame rate: all times are seconds.

Two stages, as in ByteTrack: sure boxes are matched with predicted tracks first, unsure ones only continue tracks
that are already there. A track is forgotten with its camera's picture; nothing about it is kept or compared later.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from analytics.detections import Detections, Floats, Ints, Mask, overlaps

POINTS_KEPT = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackerSettings:
    """What may be tuned; the values hold from 25 down to 2 pictures a second."""

    conf_high: float = 0.5
    gate_high: float = 0.07
    """Least overlap with the predicted box. Low, because at 5 a second a walker is half a body further."""
    gate_low: float = 0.2
    other_class: float = 0.6
    """Overlap counts so much where the class differs: a van is a truck now and then ..."""
    other_class_iou: float = 0.4
    """... in the same place; who walks past a bicycle is not the bicycle."""
    keep_s: float = 2.0
    """An object hidden for longer is another one."""
    keep_stationary_s: float = 60.0
    stationary_after_s: float = 4.0
    stationary_shift: float = 0.2
    """Of a box's mean side: what moved has been so far from where it rested ..."""
    stationary_growth: float = 1.6
    """... or has grown or shrunk so much in width and in height alike, as what comes straight at the camera."""
    moved_looks: int = 2
    """Looks in a row that must say so: one wild box is not a movement."""
    tentative_s: float = 0.6
    confirm_hits: int = 2
    horizon_s: float = 1.5
    """A prediction goes no further; after it a lost track waits where it should be."""
    jitter: float = 0.035
    """Of a detector's boxes, in box heights."""
    agility: float = 0.25
    """How much a speed may change, in heights a second per square root of a second."""
    speed: float = 1.5
    """Of something new, in heights a second."""
    size_follow: float = 0.35
    recent_s: float = 1.0
    duplicate_iou: float = 0.5


@dataclass(slots=True)
class Tracks:
    """All live tracks as arrays side by side.

    ``xyxy`` is the last box seen; ``centre``, ``size`` and ``velocity`` are what is believed, ``doubt`` (n, 3) the
    variances of place, place with speed, and speed, in box heights. ``points`` (n, 64, 3) is a ring of time, x and y
    of anchors in pixels.
    """

    id: Ints = field(default_factory=lambda: np.empty(0, np.int64))
    xyxy: Floats = field(default_factory=lambda: np.empty((0, 4), np.float32))
    centre: Floats = field(default_factory=lambda: np.empty((0, 2), np.float32))
    size: Floats = field(default_factory=lambda: np.empty((0, 2), np.float32))
    velocity: Floats = field(default_factory=lambda: np.empty((0, 2), np.float32))
    doubt: Floats = field(default_factory=lambda: np.empty((0, 3), np.float32))
    score: Floats = field(default_factory=lambda: np.empty(0, np.float32))
    votes: Floats = field(default_factory=lambda: np.empty((0, 0), np.float32))
    hits: Ints = field(default_factory=lambda: np.empty(0, np.int64))
    born_s: NDArray[np.float64] = field(default_factory=lambda: np.empty(0, np.float64))
    seen_s: NDArray[np.float64] = field(default_factory=lambda: np.empty(0, np.float64))
    missed_s: NDArray[np.float64] = field(default_factory=lambda: np.empty(0, np.float64))
    resting_since_s: NDArray[np.float64] = field(default_factory=lambda: np.empty(0, np.float64))
    resting_xyxy: Floats = field(default_factory=lambda: np.empty((0, 4), np.float32))
    strays: Ints = field(default_factory=lambda: np.empty(0, np.int64))
    moved: Mask = field(default_factory=lambda: np.empty(0, np.bool_))
    points: NDArray[np.float64] = field(default_factory=lambda: np.empty((0, POINTS_KEPT, 3), np.float64))

    def __len__(self) -> int:
        return len(self.id)

    @property
    def class_id(self) -> Ints:
        """The class with the most certainty over the track's life."""
        if not len(self):
            return np.empty(0, np.int64)
        return np.asarray(self.votes.argmax(axis=1), np.int64)

    @property
    def anchor(self) -> Floats:
        """(n, 2): bottom centres, where an object stands."""
        return np.stack([(self.xyxy[:, 0] + self.xyxy[:, 2]) / 2, self.xyxy[:, 3]], axis=1)

    def __getitem__(self, which: Ints | Mask) -> "Tracks":
        return Tracks(**{name: getattr(self, name)[which] for name in self.__slots__})

    def history(self, index: int) -> list[tuple[float, float, float]]:
        """Return (time, x, y) of one track's anchors, oldest first, at most the last `POINTS_KEPT`."""
        count = int(self.hits[index])
        ring = self.points[index]
        ordered = ring[:count] if count <= POINTS_KEPT else np.roll(ring, -(count % POINTS_KEPT), axis=0)
        return [(float(time_s), float(x), float(y)) for time_s, x, y in ordered]


class Tracker:
    """One camera's objects. `update` after each look, `reset` when the picture is another one."""

    def __init__(self, settings: TrackerSettings, *, classes: int) -> None:
        self._settings = settings
        self._classes = classes
        self._next_id = 1
        self._last_s: float | None = None
        self.tracks = Tracks(votes=np.empty((0, classes), np.float32))

    def reset(self) -> None:
        """Forget every object; ids go on, so that none is used twice."""
        self.tracks = Tracks(votes=np.empty((0, self._classes), np.float32))
        self._last_s = None

    def predicted(self, time_s: float) -> Floats:
        """Return (n, 4): where each track should be at ``time_s``."""
        tracks = self.tracks
        ahead = np.clip(time_s - tracks.seen_s, 0, self._settings.horizon_s).astype(np.float32)
        centre = tracks.centre + tracks.velocity * ahead[:, None]
        return np.concatenate([centre - tracks.size / 2, centre + tracks.size / 2], axis=1)

    def resting(self, time_s: float) -> Mask:
        """Return which tracks have stood still for a while."""
        return time_s - self.tracks.resting_since_s >= self._settings.stationary_after_s

    def update(
        self, found: Detections, time_s: float, *, looked: Floats | None = None, stirred: Mask | None = None
    ) -> Mask:
        """Continue tracks with ``found``, start new ones, drop lost ones; return which tracks were seen and are sure.

        ``looked`` (m, 4) names the parts of the picture that were looked at, None all of it: an object outside
        them is not missed. ``stirred`` tells which boxes hold motion: only those can show that an object moved.
        """
        rules = self._settings
        tracks = self.tracks
        elapsed = 0.0 if self._last_s is None else max(time_s - self._last_s, 0.0)
        self._last_s = time_s
        boxes = self.predicted(time_s)
        near = overlaps(boxes, found.xyxy)
        same = tracks.class_id[:, None] == found.class_id[None, :]
        near *= np.where(same, 1, rules.other_class * (near >= rules.other_class_iou)).astype(np.float32)
        high = found.score >= rules.conf_high
        recent = tracks.missed_s <= rules.recent_s
        track_of = np.full(len(found), -1, np.int64)
        # lost tracks wait behind those just seen: a newcomer beside an old ghost must not take its name
        _match(near * recent[:, None], track_of, high, rules.gate_high)
        _match(near, track_of, high, rules.gate_high)
        _match(near * recent[:, None], track_of, ~high, rules.gate_low)
        matched = np.flatnonzero(track_of >= 0)
        still = np.zeros(len(found), np.bool_) if stirred is None else ~stirred
        self._continue(track_of[matched], found[matched], time_s, still[matched])
        missed = np.ones(len(tracks), np.bool_)
        missed[track_of[matched]] = False
        tracks.missed_s[missed & _within(boxes, looked)] += elapsed
        tracks.missed_s[~missed] = 0
        seen = ~missed
        fresh = np.flatnonzero((track_of < 0) & high)
        if len(fresh) and len(matched):
            fresh = fresh[overlaps(found.xyxy[fresh], found.xyxy[matched]).max(axis=1) < rules.duplicate_iou]
        alive = tracks.missed_s <= self._patience(time_s)
        self.tracks, seen = tracks[alive], seen[alive]
        self._start(found[fresh], time_s)
        seen = np.concatenate([seen, np.ones(len(fresh), np.bool_)])
        sure: Mask = seen & (self.tracks.hits >= rules.confirm_hits)
        return sure

    def _patience(self, time_s: float) -> NDArray[np.float64]:
        rules = self._settings
        patience = np.where(self.resting(time_s), rules.keep_stationary_s, rules.keep_s)
        return np.where(self.tracks.hits < rules.confirm_hits, rules.tentative_s, patience)

    def _continue(self, which: Ints, found: Detections, time_s: float, still: Mask) -> None:
        rules, tracks = self._settings, self.tracks
        self._believe(which, found, time_s)
        rested_s = np.stack([tracks.seen_s[which], np.full(len(which), time_s)]) - tracks.resting_since_s[which]
        came = which[(rested_s[0] < rules.stationary_after_s) & (rested_s[1] >= rules.stationary_after_s)]
        # it rests where it stands now, not where it was last seen moving: there a wavering box is no movement
        half = tracks.size[came] / 2
        tracks.resting_xyxy[came] = np.concatenate([tracks.centre[came] - half, tracks.centre[came] + half], axis=1)
        tracks.xyxy[which] = found.xyxy
        tracks.score[which] = found.score
        tracks.votes[which, found.class_id] += found.score
        tracks.points[which, tracks.hits[which] % POINTS_KEPT] = _point(found, time_s)
        tracks.hits[which] += 1
        tracks.seen_s[which] = time_s
        away = _apart(tracks.resting_xyxy[which], found.xyxy, rules) & ~still
        tracks.strays[which] = (tracks.strays[which] + 1) * away
        left = which[tracks.strays[which] >= rules.moved_looks]
        tracks.strays[left] = 0
        tracks.moved[left] = True
        tracks.resting_since_s[left] = time_s
        tracks.resting_xyxy[left] = tracks.xyxy[left]

    def _believe(self, which: Ints, found: Detections, time_s: float) -> None:
        """Take a measurement into place and speed: a Kalman filter whose noises are in box heights and seconds."""
        rules, tracks = self._settings, self.tracks
        since = np.maximum(time_s - tracks.seen_s[which], 1e-3).astype(np.float32)
        place, cross, speed = tracks.doubt[which].T
        noise = np.float32(rules.agility**2)
        place = place + since * (2 * cross + since * speed) + noise * since**3 / 3
        cross = cross + since * speed + noise * since**2 / 2
        speed = speed + noise * since
        total = place + np.float32(rules.jitter**2)
        gain_place, gain_speed = place / total, cross / total
        size = found.xyxy[:, 2:] - found.xyxy[:, :2]
        expected = tracks.centre[which] + tracks.velocity[which] * since[:, None]
        surprise = found.xyxy[:, :2] + size / 2 - expected
        tracks.centre[which] = expected + gain_place[:, None] * surprise
        tracks.velocity[which] += gain_speed[:, None] * surprise
        tracks.size[which] += np.float32(rules.size_follow) * (size - tracks.size[which])
        left = 1 - gain_place
        tracks.doubt[which] = np.stack([left * place, left * cross, speed - gain_speed * cross], axis=1)

    def _start(self, found: Detections, time_s: float) -> None:
        count, rules = len(found), self._settings
        if not count:
            return
        votes = np.zeros((count, self._classes), np.float32)
        votes[np.arange(count), found.class_id] = found.score
        points = np.zeros((count, POINTS_KEPT, 3), np.float64)
        points[:, 0] = _point(found, time_s)
        now = np.full(count, time_s, np.float64)
        started = Tracks(
            id=np.arange(self._next_id, self._next_id + count, dtype=np.int64),
            xyxy=found.xyxy.copy(),
            centre=((found.xyxy[:, :2] + found.xyxy[:, 2:]) / 2).astype(np.float32),
            size=found.xyxy[:, 2:] - found.xyxy[:, :2],
            velocity=np.zeros((count, 2), np.float32),
            doubt=np.tile(np.array([[rules.jitter**2, 0, rules.speed**2]], np.float32), (count, 1)),
            score=found.score.copy(),
            votes=votes,
            hits=np.ones(count, np.int64),
            born_s=now,
            seen_s=now.copy(),
            missed_s=np.zeros(count, np.float64),
            resting_since_s=now.copy(),
            resting_xyxy=found.xyxy.copy(),
            strays=np.zeros(count, np.int64),
            moved=np.zeros(count, np.bool_),
            points=points,
        )
        self._next_id += count
        both = (self.tracks, started)
        self.tracks = Tracks(
            **{name: np.concatenate([getattr(part, name) for part in both]) for name in Tracks.__slots__}
        )


def _match(near: Floats, track_of: Ints, which: Mask, gate: float) -> None:
    """Give each detection in ``which`` the free track that it overlaps most, best pairs first."""
    taken = np.zeros(len(near), np.bool_)
    taken[track_of[track_of >= 0]] = True
    open_pairs = np.where((~taken)[:, None] & (which & (track_of < 0))[None, :], near, np.float32(0))
    tracks, detections = np.nonzero(open_pairs >= gate)
    best = np.argsort(-open_pairs[tracks, detections], kind="stable")
    for track, detection in zip(tracks[best].tolist(), detections[best].tolist(), strict=True):
        if not taken[track] and track_of[detection] < 0:
            taken[track] = True
            track_of[detection] = track


def _apart(home: Floats, now: Floats, rules: TrackerSettings) -> Mask:
    """Return (n,): whether each box has moved or scaled since ``home``.

    Opposite edges must go the same way, or both sides grow alike: the box of a parked car that a detector takes for
    one car now and for two then changes much, and moves not at all.
    """
    shift = now - home
    size = np.maximum(home[:, 2:] - home[:, :2], 1)
    moved = np.hypot(*_common(shift[:, :2], shift[:, 2:]).T) > rules.stationary_shift * np.sqrt(size.prod(axis=1))
    growth = np.log(np.maximum(now[:, 2:] - now[:, :2], 1) / size)
    scaled = np.abs(_common(growth[:, 0], growth[:, 1])) > np.log(rules.stationary_growth)
    return np.asarray(moved | scaled, np.bool_)


def _common(one: Floats, other: Floats) -> Floats:
    """Return the part that both have in common: 0 where their signs differ, else the smaller."""
    shared: Floats = np.where(one * other > 0, np.sign(one) * np.minimum(np.abs(one), np.abs(other)), 0)
    return shared


def _within(boxes: Floats, rects: Floats | None) -> Mask:
    """Return which boxes have their centre in one of the rectangles."""
    if rects is None:
        return np.ones(len(boxes), np.bool_)
    centre = (boxes[:, None, :2] + boxes[:, None, 2:]) / 2
    inside = (centre >= rects[None, :, :2]) & (centre <= rects[None, :, 2:])
    return np.asarray(np.any(np.all(inside, axis=2), axis=1), np.bool_)


def _point(found: Detections, time_s: float) -> NDArray[np.float64]:
    x = (found.xyxy[:, 0] + found.xyxy[:, 2]) / 2
    return np.stack([np.full(len(found), time_s), x, found.xyxy[:, 3]], axis=1).astype(np.float64)
