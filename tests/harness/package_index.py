"""A package index on 127.0.0.1, and a proxy that answers for PyTorch's own index of CPU builds, or refuses.

The wheels are empty packages. Each request's path is in `asked`, after the host where the proxy was used.
"""

from __future__ import annotations

import html
import io
import ssl
import threading
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import trustme


def wheel(name: str, version: str, *requires: str) -> tuple[str, bytes]:
    """An empty package: the name of its file, and the file."""
    title = name.replace("-", "_")
    info = f"{title}-{version}.dist-info"
    needs = "".join(f"Requires-Dist: {need}\n" for need in requires)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        file.writestr(f"{title}/__init__.py", "")
        file.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}")
        file.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        file.writestr(f"{info}/RECORD", "")
    return f"{title}-{version}-py3-none-any.whl", packed.getvalue()


@dataclass
class PackageIndex:
    """`settings` are the variables with which pip and uv use it."""

    port: int
    settings: dict[str, str]
    asked: list[str] = field(default_factory=list)


@contextmanager
def package_index(
    folder: Path, wheels: Sequence[tuple[str, bytes]], pytorch: Sequence[tuple[str, bytes]] | None
) -> Iterator[PackageIndex]:
    """Serve `wheels`, and `pytorch` as PyTorch's own index, which cannot be reached if that is None."""
    authority = trustme.CA()
    certificates = folder / "certificates.pem"
    authority.cert_pem.write_to_path(certificates)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        host = ""

        def do_CONNECT(self) -> None:
            self.host = self.path.removesuffix(":443")
            if pytorch is None:
                index.asked.append(self.host)
                self.send_error(502)
                return
            self.send_response(200)
            self.end_headers()
            tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            authority.issue_cert(self.host).configure_cert(tls)
            self.connection = tls.wrap_socket(self.connection, server_side=True)
            self.rfile = self.connection.makefile("rb")
            self.wfile = self.connection.makefile("wb", 0)
            self.close_connection = False

        def do_GET(self) -> None:
            index.asked.append(self.host + self.path)
            served = dict((pytorch or []) if self.host else wheels)
            name = self.path.rstrip("/").rpartition("/")[2]
            if name in served:
                self._reply("application/zip", served[name])
            elif names := [file for file in served if file.startswith(name.replace("-", "_") + "-")]:
                links = "".join(f'<a href="/files/{html.escape(file)}">{file}</a>' for file in names)
                self._reply("text/html", f"<html><body>{links}</body></html>".encode())
            else:
                self.send_error(404)

        do_HEAD = do_GET

        def _reply(self, kind: str, body: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def finish(self) -> None:
            super().finish()
            self.connection.close()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        address = f"http://127.0.0.1:{server.server_address[1]}"
        settings = {
            "UV_DEFAULT_INDEX": f"{address}/simple",
            "UV_HTTP_RETRIES": "0",
            "UV_CACHE_DIR": str(folder / "cache"),
            "HTTPS_PROXY": address,
            "SSL_CERT_FILE": str(certificates),
        }
        server.daemon_threads = False  # leaving waits for them
        index = PackageIndex(server.server_address[1], settings)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield index
        finally:
            server.shutdown()
            thread.join()
