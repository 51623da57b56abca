# SPDX-License-Identifier: Apache-2.0
"""What was promised: writers that note every "ok", and the look afterwards."""
import json
import random
import threading
import time

from lib import Door, Fault, until


class Ledger:
    """Acknowledged work, kept outside of the daemons.  A case has one writer."""

    def __init__(self):
        self.lock = threading.Lock()
        self.cases = {}     # source_id -> {"id", "home", "title", "notes", "fixed"}
        self.open = {}      # name of a writer -> line that was sent and has no answer: may have been done
        self.acknowledged = 0
        self.lost = []

    def sent(self, writer, line):
        with self.lock:
            self.open[writer] = line

    def keep(self, writer, line, answer):
        """A line was answered with "ok"."""
        with self.lock:
            del self.open[writer]
            self.acknowledged += 1
            case = self.cases.setdefault(
                line["source_id"], {"id": answer["id"], "home": line.get("home"), "notes": [], "fixed": False})
            if case["id"] != answer["id"]:
                self.lost.append(f"{line['source_id']}: was {case['id']}, is {answer['id']}")
            if "title" in line:
                case["title"] = line["title"]
            if "note" in line:
                case["notes"].append(line["note"])
            if "status" in line:
                case["fixed"] = True

    def compare(self, name, records, homes):
        """Everything acknowledged for these homes is there, whole, and once.  How many cases that were."""
        held, twice = {}, []
        for record in records:
            if record["source_id"] in held:
                twice.append(record["source_id"])
            held[record["source_id"]] = record
        before = len(self.lost)
        self.lost += [f"{name}: {source_id} is there twice" for source_id in twice]
        looked = 0
        for source_id, case in self.cases.items():
            if case["home"] not in homes:
                continue
            looked += 1
            wrong = difference(case, held.get(source_id), [line for line in self.open.values() if line["source_id"] == source_id])
            if wrong:
                self.lost.append(f"{name}: {source_id} ({case['id']}): {wrong}")
        return looked, len(self.lost) - before


def difference(case, record, maybe):
    """What is wrong with a record; `maybe`: lines that may have been done."""
    if record is None:
        return "not there"
    if record["id"] != case["id"]:
        return f"another id: {record['id']}"
    if record.get("title") not in [case["title"]] + [line["title"] for line in maybe if "title" in line]:
        return f"title {record.get('title')!r}, acknowledged was {case['title']!r}"
    notes = sorted(note["text"] for note in record.get("notes", []))
    said = [sorted(case["notes"])] + [sorted([*case["notes"], line["note"]]) for line in maybe if "note" in line]
    if notes not in said:
        return (f"notes: lost {brief(set(case['notes']) - set(notes))}, never said {brief(set(notes) - set(case['notes']))}, "
                f"{len(notes)} of {len(case['notes'])}")
    if case["fixed"] and record["status"] != "self_handled":
        return f"status {record['status']}, acknowledged was self_handled"
    return None


def brief(texts):
    return sorted(text.rstrip("x") for text in texts)


class Writer:
    """One application at one door.  Each line has a key and is sent until it is answered with "ok"."""

    def __init__(self, ledger, node, home, number):
        self.ledger, self.node, self.home = ledger, node, home
        self.name = f"{node.name}-{home[-3:]}-{number}"
        self.rng = random.Random(self.name)
        self.own, self.count, self.refused = [], 0, 0
        self.door = None

    def line(self):
        self.count += 1
        line = {"kind": "case", "source": "crash", "home": self.home, "key": f"{self.name}-{self.count}"}
        what = self.rng.choice(("new", "new", "note", "title", "fix")) if self.own else "new"
        if what == "new":
            source_id = f"{self.name}-{self.count}"
            self.own = [*self.own[-200:], source_id]
            return {**line, "source_id": source_id, "category": "noise", "title": "first", "note": "opened"}
        line["source_id"] = self.rng.choice(self.own)
        if what == "note":
            return {**line, "note": f"note {self.count} {'x' * self.rng.randrange(400)}"}
        if what == "fix" and not self.ledger.cases[line["source_id"]]["fixed"]:
            return {**line, "status": "self_handled", "by": "wang"}
        return {**line, "title": f"title {self.count}"}

    def put(self, line):
        """One try: the answer, or None when the daemon is not there."""
        try:
            if self.door is None:
                self.door = Door(self.node.dir / "run/ingest.sock")
            self.ledger.sent(self.name, line)
            answer = self.door.put({k: v for k, v in line.items() if v is not None})
        except (OSError, ValueError, Fault):
            answer = None
        if answer is None:
            self.close()
        elif answer["ok"]:
            self.ledger.keep(self.name, line, answer)
        else:
            self.refused += 1
        return answer

    def close(self):
        if self.door is not None:
            self.door.close()
        self.door = None


class Load:
    """Writers in threads.  pause() returns when each stands between two acknowledged lines."""

    def __init__(self, writers, pace):
        self.writers, self.pace = writers, pace
        self.go, self.over = threading.Event(), threading.Event()
        self.idle = [threading.Event() for _ in writers]
        self.faults = []
        self.threads = [threading.Thread(target=self.run, args=pair, daemon=True) for pair in zip(writers, self.idle)]
        for thread in self.threads:
            thread.start()
        self.resume()

    def run(self, writer, idle):
        while not self.over.is_set():
            if not self.go.is_set():
                writer.close()
                idle.set()
                self.go.wait(0.05)
                continue
            idle.clear()
            line, since = writer.line(), time.monotonic()
            while True:
                answer = writer.put(line)
                if answer is not None and answer["ok"]:
                    break
                if answer is not None and answer["error"]["code"] not in ("TR-E-BUSY", "TR-E-FULL", "TR-E-IO"):
                    self.faults.append(f"{writer.name}: {json.dumps(line)}: {answer}")
                    break
                if time.monotonic() - since > 90:
                    self.faults.append(f"{writer.name}: no answer for 90 s: {json.dumps(line)}")
                    break
                time.sleep(0.01)  # between two tries of a connection
            time.sleep(self.pace)  # how fast people work

    def pause(self):
        self.go.clear()
        until(lambda: all(idle.is_set() for idle in self.idle), "writers between two lines", 100)

    def resume(self):
        for idle in self.idle:
            idle.clear()
        self.go.set()

    def end(self):
        self.over.set()
        self.go.set()
        for thread in self.threads:
            thread.join(100)
