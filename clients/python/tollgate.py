"""A small client of Tollgate for those who do the work: it calls the server by its own OpenAPI document, and signs what a
verifier wants to see. Needs Python 3.9 and the package `cryptography`.

    key = Key.from_text(open("provider.key").read())
    task = Task.parse("CONTRACT:NONCE")
    receipt = statement("tollgate/delivery/v1", [output(work)], task=task).envelope(key)
    client = Client("http://127.0.0.1:8080")
    client.SettleEvidence(id=escrow, body={"package": package([("dsse", receipt)]), "predicate": predicate})
"""

import base64
import hashlib
import json
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

IN_TOTO = "application/vnd.in-toto+json"
SECRET = "tollgate-secret:provider:"
BIND = b"tollgate/bind/v1"


def canonical(value):
    """JSON in the one spelling of RFC 8785, for what has no fractions: objects in the order of UTF-16, no spaces."""
    if isinstance(value, dict):
        names = sorted(value, key=lambda name: name.encode("utf-16-be"))
        return "{" + ",".join(canonical(name) + ":" + canonical(value[name]) for name in names) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(canonical(item) for item in value) + "]"
    if isinstance(value, float):
        raise ValueError("a signed number is whole: write it as an integer or as text")
    return json.dumps(value, ensure_ascii=False)


def output(data):
    """SHA-256 of an output, in hexadecimal digits: what statements are about."""
    return hashlib.sha256(data).hexdigest()


class Task:
    """A task, as its producer knows it: digest and nonce of its contract, 64 hexadecimal digits each."""

    def __init__(self, contract, nonce):
        self.contract, self.nonce = bytes.fromhex(contract), bytes.fromhex(nonce)
        if len(self.contract) != 32 or len(self.nonce) != 32:
            raise ValueError("contract and nonce have 64 hexadecimal digits each")

    @classmethod
    def parse(cls, text):
        """From both with a colon between."""
        contract, colon, nonce = text.partition(":")
        if not colon:
            raise ValueError("write the contract's digest, a colon and its nonce")
        return cls(contract, nonce)

    def bind(self, of):
        """What evidence of an output must carry to be of this task."""
        parts = [self.contract, self.contract, bytes.fromhex(of), self.nonce]
        return hashlib.sha512(BIND + b"".join(len(part).to_bytes(8, "big") + part for part in parts)).hexdigest()


class Key:
    """A provider's key, as `tollgate pay task keygen provider` writes it."""

    def __init__(self, seed):
        self._secret = Ed25519PrivateKey.from_private_bytes(seed)
        self._public = self._secret.public_key()

    @classmethod
    def from_text(cls, text):
        text = text.rstrip()
        if not text.startswith(SECRET):
            raise ValueError("the text is no provider's key")
        return cls(base64.b64decode(text[len(SECRET):], validate=True))

    @property
    def id(self):
        """The key's name: its JWK thumbprint (RFC 7638)."""
        x = _url(self._public.public_bytes(Encoding.Raw, PublicFormat.Raw))
        return _url(hashlib.sha256(canonical({"crv": "Ed25519", "kty": "OKP", "x": x}).encode()).digest())

    @property
    def pem(self):
        return self._public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    def sign(self, message):
        return self._secret.sign(message)

    def envelope(self, kind, payload):
        """A payload in a DSSE envelope, as JSON."""
        message = f"DSSEv1 {len(kind.encode())} {kind} {len(payload)} ".encode() + payload
        mark = {"keyid": self.id, "sig": _plain(self.sign(message))}
        return json.dumps({"payload": _plain(payload), "payloadType": kind, "signatures": [mark]})


class statement:  # noqa: N801, reads as a word where it is used
    """An in-toto statement about outputs, bound to a task if it is of one."""

    def __init__(self, kind, subjects, task=None, **said):
        if task is not None:
            said["bind"] = task.bind(subjects[0])
        about = [{"digest": {"sha256": digest}, "name": "output"} for digest in subjects]
        self.text = canonical({"_type": "https://in-toto.io/Statement/v1", "predicate": said, "predicateType": kind,
                               "subject": about})

    def envelope(self, key):
        return key.envelope(IN_TOTO, self.text.encode())


def usage(key, model, request_body, answer_body, input_tokens, output_tokens, task=None, exact=True, **said):
    """A receipt of what an answer of a model used, counted and not estimated: of these bodies, under this key."""
    of = [output(answer_body)]
    said.update(exact=exact, model=model, request_sha256=output(request_body))
    said.update(input_tokens=input_tokens, output_tokens=output_tokens)
    return statement("tollgate/usage-receipt/v1", of, task=task, **said).envelope(key)


def sign_answer(key, status, body, method, authority, path, query=None, task=None, created=None):
    """The fields with which an answer is sent (RFC 9421, RFC 9530): digest of the body, binding, signature."""
    created = int(time.time()) if created is None else created
    fields = {"content-digest": f"sha-256=:{_plain(hashlib.sha256(body).digest())}:"}
    covered = [('"@status"', str(status)), ('"content-digest"', fields["content-digest"])]
    if task is not None:
        fields["tollgate-bind"] = task.bind(output(body))
        covered.append(('"tollgate-bind"', fields["tollgate-bind"]))
    covered += [('"@method";req', method), ('"@authority";req', authority.lower()), ('"@path";req', path)]
    if query is not None:
        covered.append(('"@query";req', "?" + query))
    names = " ".join(name for name, _ in covered)
    parameters = f'({names});created={created};keyid="{key.id}"'
    base = "".join(f"{name}: {value}\n" for name, value in covered) + f'"@signature-params": {parameters}'
    fields["signature-input"] = "sig=" + parameters
    fields["signature"] = f"sig=:{_plain(key.sign(base.encode()))}:"
    return fields


def exchange(fields, status, body, method, authority, path, query=None):
    """Request and signed answer as evidence of kind `http-signature`."""
    request = {"method": method, "scheme": "https", "authority": authority, "path": path, "fields": []}
    if query is not None:
        request["query"] = query
    answer = {"status": status, "fields": [list(field) for field in fields.items()], "body": _plain(body)}
    return json.dumps({"request": request, "response": answer})


def package(exhibits):
    """Pieces of evidence, each a kind and its text, as one file; its canonical form is what a submission names."""
    pieces = [{"evidence": _plain(text.encode()), "kind": kind} for kind, text in exhibits]
    return {"exhibits": pieces, "type": "tollgate/evidence-package/v1"}


class Refused(Exception):
    """What the server said no to: its status, and the reason."""

    def __init__(self, status, detail):
        super().__init__(f"{status}: {detail}")
        self.status, self.detail = status, detail


class Client:
    """Every operation of the server's OpenAPI document is a method: `client.SettleEscrow(id=...)`."""

    def __init__(self, url, secret=None):
        self._url, self._secret = url.rstrip("/"), secret
        document = self._send("GET", "/openapi.json", {}, None)
        self.operations = {
            operation["operationId"]: (method.upper(), path, operation)
            for path, methods in document["paths"].items() for method, operation in methods.items()
        }

    def __getattr__(self, name):
        operations = self.__dict__.get("operations", {})
        if name not in operations:
            raise AttributeError(f"the server has no operation {name}")
        method, path, operation = operations[name]
        return lambda body=None, **given: self._call(method, path, operation, body, given)

    def _call(self, method, path, operation, body, given):
        query, headers = {}, {}
        for parameter in operation.get("parameters", []):
            name, place = parameter["name"], parameter["in"]
            value = given.pop(name, None)
            if place == "path":
                path = path.replace("{" + name + "}", urllib.parse.quote(str(value), safe=""))
            elif place == "header":
                headers[name] = value or str(uuid.uuid4())
            elif value is not None:
                query[name] = value
        if given:
            raise TypeError(f"{operation['operationId']} has no parameters {sorted(given)}")
        if query:
            path += "?" + urllib.parse.urlencode(query)
        return self._send(method, path, headers, body)

    def _send(self, method, path, headers, body):
        if self._secret:
            headers["authorization"] = "Bearer " + self._secret
        data = None if body is None else canonical(body).encode()
        if data is not None:
            headers["content-type"] = "application/json"
        request = urllib.request.Request(self._url + path, data=data, headers=headers, method=method)
        try:
            with urllib.request.urlopen(request) as answer:
                text, kind = answer.read().decode(), answer.headers.get_content_type()
        except urllib.error.HTTPError as error:
            text = error.read().decode(errors="replace")
            try:
                text = json.loads(text).get("detail", text)
            except ValueError:
                pass
            raise Refused(error.code, text) from None
        return json.loads(text) if kind == "application/json" else text


def _plain(data):
    return base64.b64encode(data).decode()


def _url(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
