"""A registrar over TLS that is not ours: Python's ssl and hashlib.

Arguments: certificate, key, port (0 for any). Commands, one a line on standard input: `call` places a call over the
registered connection, `drop` breaks it without a word. What happens is told on standard output.
"""

import hashlib
import queue
import re
import socket
import ssl
import struct
import sys
import threading

USER, PASSWORD, REALM, NONCE = "line-1", "open sesame", "carrier.test", "f00d"
DID = "+918047180000"

context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1], sys.argv[2])
listener = socket.create_server(("127.0.0.1", int(sys.argv[3])))
registered = None
commands = queue.Queue()


def tell(text):
    print(text, flush=True)


def md5(text):
    return hashlib.md5(text.encode()).hexdigest()


def header(message, name):
    found = re.search(rf"^{name}\s*:\s*(.*?)\r?$", message, re.I | re.M)
    return found.group(1) if found else ""


def reply(request, status, more=""):
    copied = "".join(f"{name}: {header(request, name)}\r\n" for name in ("Via", "From", "Call-ID", "CSeq"))
    to = header(request, "To")
    to = to if ";tag=" in to else to + ";tag=carrier"
    return f"SIP/2.0 {status}\r\n{copied}To: {to}\r\n{more}Content-Length: 0\r\n\r\n"


def is_right(authorization, uri):
    fields = {name: quoted or plain for name, quoted, plain in re.findall(r'(\w+)=(?:"([^"]*)"|([^,\s]+))', authorization)}
    ha1, ha2 = md5(f"{USER}:{REALM}:{PASSWORD}"), md5(f"REGISTER:{uri}")
    middle = ":".join(fields.get(name, "") for name in ("nonce", "nc", "cnonce", "qop"))
    return fields.get("uri") == uri and fields.get("response") == md5(f"{ha1}:{middle}:{ha2}")


def answer(tls, request):
    """Answers one request of the line's."""
    global registered
    method, uri = request.split()[:2]
    if method == "REGISTER":
        if not is_right(header(request, "Authorization"), uri):
            challenge = f'WWW-Authenticate: Digest realm="{REALM}", nonce="{NONCE}", qop="auth", algorithm=MD5\r\n'
            return reply(request, "401 Unauthorized", challenge)
        registered = tls
        tell(f"registered {tls.version()} {header(request, 'Contact')}")
        return reply(request, "200 OK", f"Contact: {header(request, 'Contact')}\r\n")
    tell(f"request {method}")
    return "" if method == "ACK" else reply(request, "200 OK")


def answered(tls, response):
    """Acknowledges the answer to our call."""
    status = response.split()[1]
    tell(f"response {status} {header(response, 'Contact')}")
    if status == "200" and "INVITE" in header(response, "CSeq"):
        contact = re.search("<(.*?)>", header(response, "Contact")).group(1)
        kept = "".join(f"{name}: {header(response, name)}\r\n" for name in ("From", "To", "Call-ID"))
        tls.sendall(f"ACK {contact} SIP/2.0\r\nVia: SIP/2.0/TLS 127.0.0.1;branch=z9hG4bKack\r\nMax-Forwards: 70\r\n"
                    f"{kept}CSeq: 1 ACK\r\nContent-Length: 0\r\n\r\n".encode())


def place(tls):
    """Calls the line over its own connection."""
    body = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 8\r\n"
    tls.sendall((
        f"INVITE sip:{DID}@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TLS 127.0.0.1;branch=z9hG4bKcall\r\nMax-Forwards: 70\r\n"
        f"From: <sip:+919812345678@carrier.test>;tag=c\r\nTo: <sip:{DID}@127.0.0.1>\r\nCall-ID: call\r\n"
        f"CSeq: 1 INVITE\r\nContact: <sip:carrier@127.0.0.1:5061;transport=tls>\r\n"
        f"Content-Type: application/sdp\r\nContent-Length: {len(body)}\r\n\r\n{body}").encode())


def obey(tls, command):
    """Does what a line of standard input asks; whether the connection is still there."""
    if command == "call":
        place(tls)
        return True
    # A reset, without TLS's good-bye.
    tls.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    tls.close()
    tell("dropped")
    return False


def take(tls, buffer):
    """Answers every whole message of the buffer; what is left of it."""
    while True:
        if buffer.startswith("\r\n\r\n"):
            buffer = buffer[4:]
            tls.sendall(b"\r\n")
        elif buffer.startswith("\r\n") and len(buffer) > 2:
            buffer = buffer[2:]
        elif "\r\n\r\n" in buffer:
            head, rest = buffer.split("\r\n\r\n", 1)
            length = int(header(head, "Content-Length") or 0)
            if len(rest) < length:
                return buffer
            buffer = rest[length:]
            if head.startswith("SIP/2.0"):
                answered(tls, head)
            else:
                tls.sendall(answer(tls, head).encode())
        else:
            return buffer


def serve(raw):
    """One connection, in one thread: an SSL object is not to be used by two."""
    buffer = ""
    try:
        with context.wrap_socket(raw, server_side=True) as tls:
            tls.settimeout(0.02)
            while True:
                try:
                    data = tls.recv(65536).decode()
                    if not data:
                        return
                    buffer = take(tls, buffer + data)
                except TimeoutError:
                    pass
                if registered is tls and not commands.empty() and not obey(tls, commands.get()):
                    return
    except (OSError, ssl.SSLError) as error:
        tell(f"connection {type(error).__name__} {error}")


def accept():
    while True:
        threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()


threading.Thread(target=accept, daemon=True).start()
tell(f"listening {listener.getsockname()[1]}")
for line in sys.stdin:
    commands.put(line.strip())
