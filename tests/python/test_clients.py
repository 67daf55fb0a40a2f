"""python-socketio against koio-fixture: its client for threads and the one for asyncio, over each way to connect.

`tests/run` installs the packages of requirements.txt and runs this. By hand:

    python3 -m venv target/python && target/python/bin/pip install --require-hashes -r tests/python/requirements.txt
    cargo build --workspace --bins && target/python/bin/python tests/python/test_clients.py
"""

import asyncio
import os
import queue
import signal
import subprocess
import sys
import threading
import unittest

import socketio

HERE = os.path.dirname(os.path.abspath(__file__))
BINARIES = os.environ.get("KOIO_BINARIES") or os.path.join(HERE, "../../target/debug")
PATIENCE = 20
SENT = ("text ü", 1.5, {"list": [1, None, True]}, b"\x00\x01\xff")
REFUSAL = {"message": "not you", "data": {"code": "unauthorized", "reason": "token"}}


class Server:
    """A koio-fixture in a process of its own."""

    def __init__(self, port=0, flags=()):
        arguments = ["--port", str(port), *flags] if port else flags
        program = os.path.join(BINARIES, "koio-fixture")
        self.process = subprocess.Popen([program, *arguments], stderr=subprocess.PIPE, text=True)
        ports = queue.Queue()
        # All of it is read: a full pipe would stop the server.
        self.reader = threading.Thread(target=self._read, args=(ports,), daemon=True)
        self.reader.start()
        self.port = ports.get(timeout=PATIENCE)
        self.url = f"http://127.0.0.1:{self.port}"

    def _read(self, ports):
        for line in self.process.stderr:
            if line.startswith("listening on "):
                ports.put(int(line.strip().rsplit(":", 1)[1]))
            else:
                sys.stderr.write(f"koio-fixture: {line}")

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(PATIENCE)
        self.reader.join(PATIENCE)
        self.process.stderr.close()


class WithServer:
    transports = None
    flags = ()

    @classmethod
    def setUpClass(cls):
        cls.server = Server(flags=cls.flags)

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()


class Threads(WithServer):
    """What works over each way to connect, which the classes below name."""

    def client(self):
        client = socketio.Client(reconnection_delay=0.1, reconnection_delay_max=0.5)
        self.addCleanup(client.shutdown)
        return client

    def connect(self, client=None, server=None, **options):
        client = client or self.client()
        url = (server or self.server).url
        client.connect(url, transports=self.transports, wait_timeout=PATIENCE, **options)
        return client

    def test_events_and_answers_with_text_numbers_and_bytes(self):
        client = self.connect()
        heard = queue.Queue()
        client.on("bounced", lambda *arguments: heard.put(arguments))
        self.assertEqual(tuple(client.call("echo", SENT, timeout=PATIENCE)), SENT)
        client.emit("bounce", SENT)
        self.assertEqual(heard.get(timeout=PATIENCE), SENT)

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

    def test_auth_that_is_accepted(self):
        auth = {"token": "secret"}
        client = self.connect(namespaces=["/guarded"], auth=auth)
        self.assertEqual(client.call("auth", namespace="/guarded", timeout=PATIENCE), auth)

    def test_auth_that_is_refused_names_the_namespace_and_tells_a_handler_why(self):
        client, told = self.client(), queue.Queue()
        client.on("connect_error", told.put, namespace="/guarded")
        with self.assertRaisesRegex(socketio.exceptions.ConnectionError, "/guarded"):
            self.connect(client, namespaces=["/guarded"], auth={"token": "wrong"}, retry=False)
        self.assertEqual(told.get(timeout=PATIENCE), REFUSAL)

    def test_the_server_disconnects(self):
        client, gone = self.connect(), queue.Queue()
        client.on("disconnect", gone.put)
        client.emit("kick-me")
        self.assertEqual(gone.get(timeout=PATIENCE), client.reason.SERVER_DISCONNECT)

    def test_a_client_comes_back_after_a_restart(self):
        server = Server()
        client = self.connect(server=server)
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


class Asyncio(WithServer):
    """The same with the client for asyncio."""

    def client(self):
        client = socketio.AsyncClient(reconnection_delay=0.1, reconnection_delay_max=0.5)
        self.addAsyncCleanup(client.shutdown)
        return client

    async def connect(self, client=None, server=None, **options):
        client = client or self.client()
        url = (server or self.server).url
        await client.connect(url, transports=self.transports, wait_timeout=PATIENCE, **options)
        return client

    async def hear(self, queue):
        return await asyncio.wait_for(queue.get(), PATIENCE)

    async def test_events_and_answers_with_text_numbers_and_bytes(self):
        client, heard = await self.connect(), asyncio.Queue()
        client.on("bounced", lambda *arguments: heard.put_nowait(arguments))
        self.assertEqual(tuple(await client.call("echo", SENT, timeout=PATIENCE)), SENT)
        await client.emit("bounce", SENT)
        self.assertEqual(await self.hear(heard), SENT)

    async def test_the_server_asks_and_the_client_answers(self):
        client = await self.connect()
        client.on("question", lambda kind: f"about {kind}")
        self.assertEqual(await client.call("ask", "tea", timeout=PATIENCE), ["about tea"])

    async def test_two_namespaces_of_one_connection(self):
        client = await self.connect(namespaces=["/", "/custom"])
        answer = await client.call("echo", 1, namespace="/custom", timeout=PATIENCE)
        self.assertEqual(answer, 1)
        self.assertEqual(await client.call("echo", 2, timeout=PATIENCE), 2)

    async def test_auth_that_is_accepted(self):
        auth = {"token": "secret"}
        client = await self.connect(namespaces=["/guarded"], auth=auth)
        answer = await client.call("auth", namespace="/guarded", timeout=PATIENCE)
        self.assertEqual(answer, auth)

    async def test_auth_that_is_refused_names_the_namespace_and_tells_a_handler_why(self):
        client, told = self.client(), asyncio.Queue()
        client.on("connect_error", told.put_nowait, namespace="/guarded")
        with self.assertRaisesRegex(socketio.exceptions.ConnectionError, "/guarded"):
            await self.connect(
                client, namespaces=["/guarded"], auth={"token": "wrong"}, retry=False
            )
        self.assertEqual(await self.hear(told), REFUSAL)

    async def test_the_server_disconnects(self):
        client, gone = await self.connect(), asyncio.Queue()
        client.on("disconnect", gone.put_nowait)
        await client.emit("kick-me")
        self.assertEqual(await self.hear(gone), client.reason.SERVER_DISCONNECT)

    async def test_a_client_comes_back_after_a_restart(self):
        server = Server()
        client = await self.connect(server=server)
        gone, back = asyncio.Queue(), asyncio.Queue()
        client.on("disconnect", gone.put_nowait)
        client.on("connect", lambda: back.put_nowait(True))
        self.assertEqual(await client.call("echo", 1, timeout=PATIENCE), 1)
        await asyncio.to_thread(server.stop)
        await self.hear(gone)
        again = await asyncio.to_thread(Server, server.port)
        self.addCleanup(again.stop)
        self.assertTrue(await self.hear(back))
        self.assertEqual(await client.call("echo", 2, timeout=PATIENCE), 2)


class ThreadsOverPolling(Threads, unittest.TestCase):
    transports = ["polling"]


class ThreadsOverCompressedPolling(ThreadsOverPolling):
    flags = ("--http-compression", "0")


class ThreadsOverWebSocket(Threads, unittest.TestCase):
    transports = ["websocket"]


class ThreadsWithUpgrade(Threads, unittest.TestCase):
    transports = ["polling", "websocket"]


class AsyncioOverPolling(Asyncio, unittest.IsolatedAsyncioTestCase):
    transports = ["polling"]


class AsyncioOverCompressedPolling(AsyncioOverPolling):
    flags = ("--http-compression", "0")


class AsyncioOverWebSocket(Asyncio, unittest.IsolatedAsyncioTestCase):
    transports = ["websocket"]


class AsyncioWithUpgrade(Asyncio, unittest.IsolatedAsyncioTestCase):
    transports = ["polling", "websocket"]


if __name__ == "__main__":
    unittest.main(verbosity=2, warnings="ignore")
