"""localstripe on a free port of this machine alone, without its file in /tmp, and a receiver of its webhooks.

Prints both ports. What the receiver gets goes to the pipe that is named: the signature's line, then the body's bytes."""
import http.server
import socket
import sys
import threading

from aiohttp import web
from localstripe import server


class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        with open(sys.argv[1], "wb") as pipe:
            pipe.write(self.headers["stripe-signature"].encode() + b"\n" + body)
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


server.store.dump_to_disk = lambda: None
listener = socket.socket()
listener.bind(("127.0.0.1", 0))
receiver = http.server.HTTPServer(("127.0.0.1", 0), Receiver)
threading.Thread(target=receiver.serve_forever, daemon=True).start()
print(listener.getsockname()[1], receiver.server_address[1], flush=True)
web.run_app(server.app, sock=listener, print=None, access_log=None)
