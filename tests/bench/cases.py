# SPDX-License-Identifier: Apache-2.0
"""cases -- lines of about 450 bytes for ingest.sock, made out of the real rows of tests/data."""
import itertools
import json
import pathlib
import subprocess

LINE_BYTES = 450
DATA = pathlib.Path(__file__).resolve().parent.parent / "data"


def rows():
    for name in ("boston.ndjson.zst", "nyc.ndjson.zst"):
        text = subprocess.run(["zstd", "-dc", str(DATA / name)], capture_output=True, check=True).stdout
        for line in text.splitlines():
            yield json.loads(line)


def source_id(number, shuffled):
    """Case systems number upwards.  Shuffled: the same numbers in no order, which B-trees like least."""
    if shuffled:
        number = number * 2654435761 % (1 << 32)
    return f"{101000000000 + number}"


def write(path, count, source, shuffled=False):
    """`count` new cases; ids are unique in `source`.  Returns the mean size of a line."""
    real = list(rows())
    total = 0
    with open(path, "w", encoding="utf-8") as out:
        for number, row in zip(range(count), itertools.cycle(real)):
            line = {
                "source": source, "source_id": source_id(number, shuffled), "reported_at": row["opened"],
                "category": row["category"], "title": f"{row['category']} {row.get('area') or ''} {number}",
            }
            for name in ("subcategory", "agency", "area", "lat", "lon", "channel"):
                if row.get(name) is not None:
                    line[name] = row[name]
            missing = LINE_BYTES - len(json.dumps(line, ensure_ascii=False)) - 1
            words = ""
            for step in itertools.count(1):  # text of other rows: no more alike than real text is
                if len(words) >= missing:
                    break
                other = real[(number * 7919 + step * 104729) % len(real)]
                words += f" {other['category']} {other.get('area') or ''} {other['opened']} {other['id']}"
            line["title"] += words[:max(0, missing)]
            text = json.dumps(line, ensure_ascii=False) + "\n"
            total += len(text.encode())
            out.write(text)
    return total / count
