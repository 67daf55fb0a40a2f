"""python-socketio against koio-fixture: real connections over each way to connect.

`tests/run` installs the packages of requirements.txt and runs this. By hand:

    python3 -m venv target/python && target/python/bin/pip install -r tests/python/requirements.txt
    cargo build --workspace --bins && target/python/bin/python tests/python/test_clients.py
"""

import os
import queue
import signal
import subprocess
import unittest

import socketio

HERE = os.path.dirname(os.path.abspath(__file__))
BINARIES = os.environ.get("KOIO_BINARIES") or os.path.join(HERE, "../../target/debug")
PATIENCE = 20


class Server:
    """A koio-fixture in a process of its own."""

    def __init__(self, port=0):
        arguments = ["--port", str(port)] if port else []
        program = os.path.join(BINARIES, "koio-fixture")
        self.process = subprocess.Popen([program, *arguments], stderr=subprocess.PIPE, text=True)
        line = self.process.stderr.readline()
        self.port = int(line.strip().rsplit(":", 1)[1])
        self.url = f"http://127.0.0.1:{self.port}"

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(PATIENCE)
        self.process.stderr.close()


class Conversations:
    """What works over each way to connect, which the classes below name."""

    transports = None

    @classmethod
    def setUpClass(cls):
        cls.server = Server()

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def connect(self, server=None, **options):
        client = socketio.Client(reconnection_delay=0.1, reconnection_delay_max=0.5)
        self.addCleanup(client.shutdown)
        url = (server or self.server).url
        client.connect(url, transports=self.transports, wait_timeout=PATIENCE, **options)
        return client

    def test_events_and_answers_with_text_numbers_and_bytes(self):
        client = self.connect()
        heard = queue.Queue()
        client.on("bounced", lambda *arguments: heard.put(arguments))
        sent = ("text ü", 1.5, {"list": [1, None, True]}, b"\x00\x01\xff")
        self.assertEqual(tuple(client.call("echo", sent, timeout=PATIENCE)), sent)
        client.emit("bounce", sent)
        self.assertEqual(heard.get(timeout=PATIENCE), sent)

    def test_a_float_without_a_fraction_is_an_integer(self):
        client = self.connect()
        client.on("question", lambda *arguments: "answer")
        outcome = client.call("ask-within", 5000.0, timeout=PATIENCE)
        self.assertNotIn("error", outcome)

    def test_the_server_asks_and_the_client_answers(self):
        client = self.connect()
        client.on("question", lambda kind: f"about {kind}")
        self.assertEqual(client.call("ask", "tea", timeout=PATIENCE), ["about tea"])

    def test_two_namespaces_of_one_connection(self):
        client = self.connect(namespaces=["/", "/custom"])
        answer = client.call("echo", 1, namespace="/custom", timeout=PATIENCE)
        self.assertEqual(answer, 1)
        self.assertEqual(client.call("echo", 2, timeout=PATIENCE), 2)

    def test_an_unknown_namespace_is_refused(self):
        with self.assertRaises(socketio.exceptions.ConnectionError):
            self.connect(namespaces=["/there-is-none"], retry=False)

    def test_a_client_comes_back_after_a_restart(self):
        server = Server()
        client = self.connect(server)
        gone, back = queue.Queue(), queue.Queue()
        client.on("disconnect", gone.put)
        client.on("connect", lambda: back.put(True))
        self.assertEqual(client.call("echo", 1, timeout=PATIENCE), 1)
        server.stop()
        gone.get(timeout=PATIENCE)
        again = Server(server.port)
        self.addCleanup(again.stop)
        self.assertTrue(back.get(timeout=PATIENCE))
        self.assertEqual(client.call("echo", 2, timeout=PATIENCE), 2)


class Polling(Conversations, unittest.TestCase):
    transports = ["polling"]


class WebSocket(Conversations, unittest.TestCase):
    transports = ["websocket"]


class Upgrade(Conversations, unittest.TestCase):
    transports = ["polling", "websocket"]


if __name__ == "__main__":
    unittest.main(verbosity=2, warnings="ignore")
