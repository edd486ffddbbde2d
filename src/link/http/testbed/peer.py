"""An HTTP peer by Python and OpenSSL, with or without TLS.

    peer.py FOLDER [tls] [client]

It prints its port, then one line of JSON for each connection: what it was asked and by whom, or why its handshake failed. The
files are read again for each connection: leaf.pem and leaf.key, with `client` clients.pem for the authority of clients, and
`answer` for a whole answer that is not 200.
"""
import json
import pathlib
import socket
import ssl
import sys
import threading

folder, words = pathlib.Path(sys.argv[1]), sys.argv[2:]
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok"


def say(what):
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def secured(sock):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "leaf.pem", folder / "leaf.key")
    if "client" in words:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(folder / "clients.pem")
    stream = context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
    stream.do_handshake()
    return stream


def name(stream):
    if not isinstance(stream, ssl.SSLSocket):
        return None
    subject = (stream.getpeercert() or {}).get("subject", ())
    return next((value for part in subject for key, value in part if key == "commonName"), None)


def read(stream):
    data = b""
    while b"\r\n\r\n" not in data:
        more = stream.recv(65536)
        if not more:
            return None
        data += more
    head, body = data.split(b"\r\n\r\n", 1)
    lines = head.decode("latin-1").split("\r\n")
    headers = {key.lower(): value for key, value in (line.split(": ", 1) for line in lines[1:])}
    while len(body) < int(headers.get("content-length", 0)):
        body += stream.recv(65536)
    return {"line": lines[0], "headers": headers, "body": body.decode()}


def serve(sock, address):
    sock.settimeout(30)
    # A second hold on the connection: closing it with unread bytes would reset it under the alert that we have sent.
    hold = sock.dup()
    try:
        stream = secured(sock) if "tls" in words else sock
        asked = read(stream)
        if asked is None:
            return
        say({**asked, "from": address[0], "client": name(stream)})
        answer = folder / "answer"
        stream.sendall(answer.read_bytes() if answer.exists() else OK)
        stream.close()
    except (OSError, ssl.SSLError) as error:
        say({"error": str(error)})
    finally:
        try:
            hold.shutdown(socket.SHUT_WR)
            while hold.recv(65536):
                pass
        except OSError:
            pass
        hold.close()


listener = socket.create_server(("127.0.0.1", 0), backlog=64)
say(listener.getsockname()[1])
while True:
    threading.Thread(target=serve, args=listener.accept(), daemon=True).start()
