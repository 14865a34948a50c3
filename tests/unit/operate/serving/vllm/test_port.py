"""A taken port is seen, and its holder named."""

import errno
import os
import socket

import pytest

from logicnet._util.processes import free_port
from logicnet.operate.serving.vllm import room as port


def test_a_port_is_free_until_somebody_listens():
    number = free_port()
    assert port.is_free("127.0.0.1", number)
    assert port.listener(number) is None
    with socket.create_server(("127.0.0.1", number)):
        assert not port.is_free("127.0.0.1", number)
        assert not port.is_free("0.0.0.0", number)
        assert f"process {os.getpid()} (" in str(port.listener(number))
    assert port.is_free("127.0.0.1", number)


@pytest.mark.parametrize("host", ["192.0.2.1", "..", "2001:db8::1"])
def test_an_address_that_is_not_ours_is_left_to_vllm(host):
    assert port.is_free(host, free_port())


def test_a_machine_without_ipv6_is_left_to_vllm(monkeypatch):
    def lacking(*_: object) -> None:
        raise OSError(errno.EAFNOSUPPORT, "Address family not supported by protocol")

    monkeypatch.setattr(socket, "socket", lacking)
    assert port.is_free("::1", 8000)
