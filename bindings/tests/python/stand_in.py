"""What stands where a server should: one that answers the same to everybody, one that never answers.

The real server never says some things that an app must cope with: that it is overloaded, that the app
is too old, or nothing at all.
"""

import contextlib
import http.server
import socket
import threading

MEDIA_TYPE = "application/vnd.alongside.sync+cbor"


def error_answer(code):
    """An error of the protocol: a map with code `c` and help `h`, in CBOR."""

    def text(word):
        encoded = word.encode()
        assert len(encoded) < 24
        return bytes([0x60 | len(encoded)]) + encoded

    long_code = code.encode()
    head = bytes([0x60 | len(long_code)]) if len(long_code) < 24 else bytes([0x78, len(long_code)])
    return b"\xa2" + text("c") + head + long_code + text("h") + text("")


@contextlib.contextmanager
def answering(status, headers, body=b""):
    """A server that gives this answer to every request; gives its address."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextlib.contextmanager
def silent():
    """Takes connections and never says anything; gives its address, and an event for the first one."""
    listener = socket.create_server(("127.0.0.1", 0))
    called, taken = threading.Event(), []

    def take():
        with contextlib.suppress(OSError):
            while True:
                taken.append(listener.accept()[0])
                called.set()

    thread = threading.Thread(target=take)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", called
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()
        for connection in taken:
            connection.close()
