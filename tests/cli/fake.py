#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""fake -- a daemon's three sockets with fixed answers, for the tests of terracectl.

usage: fake.py DIR [MODE]
  DIR/run/{control,status,ingest}.sock are made; DIR/ready appears when they listen.
  DIR/requests gets every request, DIR/lines every ingest line that was taken.
Answers are in replies.json by command; "@-90" in them is the time 90 seconds ago.
  MODE old     another protocol version        garbage  no JSON in the greeting
       silent  no greeting at all              closes   hangs up after the request
       busy    ingest has no room now and then full     ingest: the store is full
       hostile names that drive a terminal
"""
import base64
import datetime
import json
import os
import pathlib
import re
import socketserver
import sys
import threading

HERE = pathlib.Path(__file__).parent
ROOT = pathlib.Path(sys.argv[1])
MODE = sys.argv[2] if len(sys.argv) > 2 else "plain"
REPLIES = json.loads((HERE / "replies.json").read_text(encoding="utf-8"))
READING = {
    "status", "tree", "peers", "queue", "lag", "events", "health", "wait", "record show", "record list", "trace",
    "conflicts", "directive list", "directive status", "export", "bundle inspect", "verify", "digests", "store stat",
    "store history", "unit list", "key show", "config show", "version", "metrics",
}
LOCK = threading.Lock()
NODE = "street-001"


def ago(match):
    then = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=int(match.group(1)))
    return then.strftime('"%Y-%m-%dT%H:%M:%SZ"')


def filled(value):
    return json.loads(re.sub(r'"@-(\d+)"', ago, json.dumps(value)))


def note(name, text):
    with LOCK, (ROOT / name).open("a", encoding="utf-8") as out:
        out.write(text + "\n")


def error(code, exit_code, message, **more):
    return {"ok": False, "error": {"code": code, "exit": exit_code, "message": message, **more}}


def refusal(cmd, args):
    """What the real daemon would say to a wrong argument; None = nothing wrong."""
    if str(args.get("id", "")).startswith("ffffffff"):
        return error("TR-E-NOREC", 66, "no such record", record=args["id"])
    if args.get("id") == "01":
        return error("TR-E-AMBIGUOUS", 66, "'01' fits 14 records")
    if args.get("peer") == "leaf-tianlim":
        return error("TR-E-NOPEER", 66, "no such peer", hint="did you mean leaf-tianlin?")
    if args.get("unit") == "999" or args.get("owner") == "999":
        return error("TR-E-NOUNIT", 66, "no such unit")
    if cmd == "record put" and args["record"].get("status") == "closed":
        return error("TR-E-STEP", 65, "reported -> closed is no step", field="status",
                     hint="next: filed, voided, duplicate, self_handled")
    if cmd == "directive ack" and args["id"].startswith("eeee"):
        return error("TR-E-AUTH", 77, "this unit has no authority for that")
    if cmd == "wait" and args["what"] == "idle":
        return error("TR-E-TIMEOUT", 75, "timed out")
    if cmd == "conflict resolve" and args.get("keep") == "Z":
        return error("TR-E-MOVED", 1, "more values came in; look again")
    return None


class Control(socketserver.StreamRequestHandler):
    access = "admin"

    def put(self, value):
        self.wfile.write((json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n").encode())

    def greet(self):
        if MODE == "silent":
            self.rfile.readline()
            return False
        if MODE == "garbage":
            self.wfile.write(b"220 mail.example ESMTP\n")
            return False
        proto = [2, 3] if MODE == "old" else [1, 1]
        self.put({"terrace": "control", "proto": proto, "version": "9.0.0", "node": NODE, "access": self.access})
        return True

    def handle(self):
        try:
            if self.greet():
                for line in self.rfile:
                    if not self.answer(json.loads(line)):
                        break
        except (BrokenPipeError, ConnectionResetError):
            pass

    def answer(self, request):
        note("requests", json.dumps(request, ensure_ascii=False, sort_keys=True))
        if MODE == "closes":
            return False
        cmd, args, number = request["cmd"], request.get("args", {}), request["id"]
        bad = refusal(cmd, args)
        if self.access == "read" and cmd not in READING:
            bad = error("TR-E-PERM", 77, "this socket only reads")
        if bad is not None:
            self.put({"id": number, **bad})
        elif cmd in ("events", "export", "bundle export"):
            self.stream(number, REPLIES[cmd])
        elif cmd in ("bundle import", "bundle inspect"):
            self.bundle(number, cmd)
        elif cmd == "queue" and "peer" in args:
            self.put({"id": number, "ok": True, "data": filled(REPLIES["queue peer"])})
        elif cmd == "digests" and MODE == "busy":
            self.put({"id": number, "ok": True, "data": REPLIES["digests other"]})
        elif MODE == "hostile" and cmd in ("status", "record show", "tree"):
            self.put({"id": number, "ok": True, "data": filled(REPLIES["hostile " + cmd])})
        else:
            self.put({"id": number, "ok": True, "data": filled(REPLIES[cmd])})
        return True

    def stream(self, number, items):
        for item in items[:-1]:
            self.put({"id": number, "ok": True, "more": True, "data": item})
        self.put({"id": number, "ok": True, "data": items[-1]})

    def bundle(self, number, cmd):
        got = b""
        for line in self.rfile:
            part = json.loads(line)
            if part.get("end"):
                break
            got += base64.b64decode(part["chunk"])
        (ROOT / "bundle").write_bytes(got)
        if got.startswith(b"forged"):
            self.put({"id": number, **error("TR-E-FORGED", 65, "signature or chain does not verify")})
            return
        if cmd == "bundle import":
            self.put({"id": number, "ok": True, "more": True, "data": {"chunk": base64.b64encode(b"reply").decode()}})
        self.put({"id": number, "ok": True, "data": REPLIES[cmd]})


class Status(Control):
    access = "read"


class Ingest(socketserver.StreamRequestHandler):
    def handle(self):
        self.number, self.cases, self.keys, self.turned_away = 0, {}, set(), set()
        self.put({"terrace": "ingest", "proto": 1, "node": NODE})
        try:
            for line in self.rfile:
                self.number += 1
                self.put({"line": self.number, **self.take(line)})
        except (BrokenPipeError, ConnectionResetError):
            pass

    def put(self, value):
        self.wfile.write((json.dumps(value) + "\n").encode())

    def is_busy(self, row):
        """Each seventh line is turned away, once."""
        name = json.dumps(row, sort_keys=True)
        if MODE != "busy" or self.number % 7 != 0 or name in self.turned_away:
            return False
        self.turned_away.add(name)
        return True

    def take(self, line):
        row = json.loads(line)
        if MODE == "full":
            return {"ok": False, "error": {"code": "TR-E-FULL", "message": "the store is full"}}
        if self.is_busy(row):
            return {"ok": False, "error": {"code": "TR-E-BUSY", "message": "busy"}, "retry_after_ms": 5}
        if str(row.get("category", "")).startswith("bad"):
            return {"ok": False, "error": {"code": "TR-E-FIELD", "field": "category", "message": "unknown category"}}
        case = (row.get("source"), row.get("source_id"))
        is_new = case not in self.cases
        if is_new and "imported" in row and "reported_at" not in row:
            return {"ok": False, "error": {"code": "TR-E-NOREC", "message": "no such record"}}
        if row.get("key") in self.keys:
            return {"ok": True, "id": "0", "version": 1, "repeated": True}
        if "key" in row:
            self.keys.add(row["key"])
        self.cases[case] = self.cases.get(case, 0) + 1
        note("lines", json.dumps(row, ensure_ascii=False, sort_keys=True))
        return {"ok": True, "id": "0", "version": self.cases[case], **({"created": True} if is_new else {})}


class Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    request_queue_size = 64


def main():
    run = ROOT / "run"
    run.mkdir(parents=True, exist_ok=True)
    for name, handler in (("status", Status), ("ingest", Ingest), ("control", Control)):
        path = run / f"{name}.sock"
        path.unlink(missing_ok=True)
        server = Server(str(path), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
    (ROOT / "ready.new").write_text(str(os.getpid()))
    (ROOT / "ready.new").rename(ROOT / "ready")
    threading.Event().wait()


main()
