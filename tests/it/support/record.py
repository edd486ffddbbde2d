"""Recomputes the chain of events and the balance of a database, from the documented form alone: sqlite3 and hashlib, no code of ours.

    record.py check FILE         prints what it found as JSON
    record.py tamper FILE SQL    does something to the file
"""
import hashlib
import json
import sqlite3
import sys

STATES = ["pending", "accepted", "failed", "refused", "expired", "superseded", "deduplicated", "dropped"]
LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def ulid(value):
    if not isinstance(value, bytes):
        return value
    number, text = int.from_bytes(value, "big"), ""
    for _ in range(26):
        number, rest = divmod(number, 32)
        text = LETTERS[rest] + text
    return text


def field(value):
    data = str(value).encode()
    return str(len(data)).encode() + b":" + data + b","


def check(db):
    number = lambda table, key, other: (db.execute(f"SELECT value FROM {table} WHERE key = ?", [key]).fetchone() or [other])[0]
    seq, last = number("meta", "chain_start_seq", 0), number("meta", "chain_start_hash", bytes(32))
    wrong, events = [], 0
    columns = "seq, id, alert, kind, at, decided, coalesce(untold, ''), body, hash"
    rows = {row[0]: row for row in db.execute(f"SELECT {columns} FROM events")}
    gone = dict(db.execute("SELECT seq, digest FROM tombstones"))
    while seq + 1 in rows or seq + 1 in gone:
        seq += 1
        if seq in rows:
            row = [rows[seq][0], ulid(rows[seq][1])] + list(rows[seq][2:8])
            digest = hashlib.sha256(b"".join(map(field, ["andon.event.1"] + row))).digest()
            events += 1
        else:
            digest = gone[seq]
        last = hashlib.sha256(last + digest).digest()
        if seq in rows and rows[seq][8] != last:
            wrong.append(seq)
            last = rows[seq][8]
    head = (number("now", "next_event", 1) - 1, number("now", "chain_head", bytes(32)))
    destinations = {}
    for key, value in db.execute("SELECT key, value FROM now WHERE key LIKE 'sequence.%'"):
        name = key[len("sequence."):]
        count = dict.fromkeys(STATES, 0)
        for state, many in db.execute("SELECT state, count(*) FROM deliveries WHERE destination = ? GROUP BY state", [name]):
            count[STATES[state]] = many
        one = db.execute(
            "SELECT count(*), count(DISTINCT nullif(sequence, 0)), sum(max(attempts - 1, 0)) FROM deliveries WHERE destination = ?", [name]
        ).fetchone()
        lags = [
            lag for (lag,) in db.execute(
                "SELECT max(settled - decided, 0) FROM deliveries d JOIN events e ON e.seq = d.id / 1000"
                " WHERE destination = ? AND state = 1 AND decided_synchronised ORDER BY 1", [name])
        ]
        destinations[name] = dict(
            count, owed=one[0], lost=value - 1 - one[1], repeats=one[2] or 0, last_number=value - 1,
            lag_worst=lags[-1] if lags else None, lag_median=lags[(len(lags) - 1) // 2] if lags else None)
    intact = not wrong and head == (seq, last) and max(rows, default=0) <= head[0]
    return {"intact": intact, "wrong": wrong, "events": events, "head": {"seq": head[0], "hash": head[1].hex()}, "destinations": destinations}


command, path = sys.argv[1:3]
db = sqlite3.connect(path)
if command == "check":
    print(json.dumps(check(db)))
else:
    db.executescript(sys.argv[3])
    db.commit()
db.close()
