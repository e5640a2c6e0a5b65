"""Digest access authentication against the examples of the standards."""

from ingest import digest


def test_rfc_2617_example() -> None:
    """RFC 2617 3.5, with qop."""
    challenge = {"realm": "testrealm@host.com", "nonce": "dcd98b7102dd2f0e8b11d0f600bfb0c093", "qop": "auth,auth-int"}
    answer = digest.response(
        challenge,
        method="GET",
        uri="/dir/index.html",
        username="Mufasa",
        password="Circle Of Life",
        nc="00000001",
        cnonce="0a4f113b",
    )
    assert answer == "6629fae49393a05397450978507c4ef1"


def test_rfc_7616_sha256_example() -> None:
    """RFC 7616 3.9.1."""
    challenge = {
        "realm": "http-auth@example.org",
        "nonce": "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
        "qop": "auth, auth-int",
        "algorithm": "SHA-256",
    }
    answer = digest.response(
        challenge,
        method="GET",
        uri="/dir/index.html",
        username="Mufasa",
        password="Circle of Life",
        nc="00000001",
        cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
    )
    assert answer == "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"


def test_parameters_take_quotes_and_commas() -> None:
    """A realm may hold commas."""
    read = digest.parameters('realm="a, b", nonce=abc,qop="auth"')
    assert read == {"realm": "a, b", "nonce": "abc", "qop": "auth"}
