"""Why a request is turned down before it reaches what it asked for; `problems` gives each its status."""

from models.errors import AlertwallError


class NotSignedIn(AlertwallError):
    """Nobody we know is asking, or their login has ended."""


class Denied(AlertwallError):
    """The one who asks may not do this, wherever it is."""


class BadSignIn(AlertwallError):
    """The name or the password is wrong; which of them is not said."""


class TooManyTries(AlertwallError):
    """Too many wrong passwords; ``retry_after_s`` says when one more is looked at."""

    def __init__(self, retry_after_s: float) -> None:
        super().__init__(f"too many wrong passwords: try again in {retry_after_s:.0f} s")
        self.retry_after_s = retry_after_s


class StaleVersion(AlertwallError):
    """The caller's If-Match names a version that is no longer the newest."""


class VersionMissing(AlertwallError):
    """The change needs If-Match: two people may be at it."""


class ForeignOrigin(AlertwallError):
    """A page of another site asks, or the request calls us by a name that is not ours."""


class WrongContentType(AlertwallError):
    """What was sent is not of the type this route takes."""


class TooLarge(AlertwallError):
    """What was sent is longer than this route takes."""
