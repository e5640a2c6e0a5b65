"""The one family of errors.

AlertwallError
├── ConfigError       a site file or a setting says something that cannot be
├── NotReady          try again later (only these are retried)
│   ├── LinkDown      a camera, broker or worker does not answer
│   └── StoreDown     the database does not answer
├── BadInput          a value from outside is not what was expected; names the field
├── NotFound          no such thing, or outside the user's areas (the two look the same)
├── Conflict          somebody else was first; `winner` says who
└── Overloaded        a bounded queue is full
"""


class AlertwallError(Exception):
    """Base of every error that alertwall raises on purpose."""


class ConfigError(AlertwallError):
    """A setting that cannot be; ``key`` is its path in the user's file, ``expected`` what would do."""

    def __init__(self, key: str, expected: str, *, source: str = "site.toml") -> None:
        super().__init__(f"{source}: {key}: {expected}")
        self.key, self.expected, self.source = key, expected, source


class NotReady(AlertwallError):
    """Try again later."""


class LinkDown(NotReady):
    """A camera, a broker or a worker does not answer; ``reason`` is a short word for people."""

    def __init__(self, peer: str, reason: str) -> None:
        super().__init__(f"{peer}: {reason}")
        self.peer, self.reason = peer, reason


class StoreDown(NotReady):
    """The database does not answer."""


class BadInput(AlertwallError):
    """A value from outside; ``field`` names it, ``expected`` says what would do."""

    def __init__(self, field: str, expected: str) -> None:
        super().__init__(f"{field}: {expected}")
        self.field, self.expected = field, expected


class NotFound(AlertwallError):
    """No such thing, or not in the user's areas."""

    def __init__(self, kind: str, id: object) -> None:
        super().__init__(f"no {kind} {id}")
        self.kind, self.id = kind, id


class Conflict(AlertwallError):
    """Somebody else was first, or the thing is not in a state that allows this."""

    def __init__(self, message: str, *, winner: str | None = None) -> None:
        super().__init__(message)
        self.winner = winner


class Overloaded(AlertwallError):
    """A bounded queue is full."""

    def __init__(self, what: str, waiting: int) -> None:
        super().__init__(f"{what}: {waiting} waiting")
        self.what, self.waiting = what, waiting
