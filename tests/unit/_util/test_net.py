import pytest

from logicnet._util.net import connect_url, is_loopback


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("0.0.0.0", "http://127.0.0.1:80"),
        ("", "http://127.0.0.1:80"),
        ("::", "http://[::1]:80"),
        ("10.0.0.7", "http://10.0.0.7:80"),
        ("gpu.local", "http://gpu.local:80"),
    ],
)
def test_what_listens_everywhere_is_called_on_the_loopback(host: str, url: str) -> None:
    assert connect_url(host, 80) == url


def test_what_names_this_machine() -> None:
    assert all(map(is_loopback, ("localhost", "127.0.0.1", "127.1.2.3", "::1")))
    others = ("", "0.0.0.0", "10.0.0.1", "127.evil.example", "localhost.evil.example", "::")
    assert not any(map(is_loopback, others))
