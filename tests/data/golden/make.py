#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the golden files: a second implementation of the signed formats.

It shares no code with the programs: hashlib's BLAKE2b, Ed25519 and X25519 of
python3-cryptography, protobuf encoding by hand.  Run it only when a format
gets a new version; the tests compare with what is in the repository.
"""
import hashlib
import pathlib
import struct

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

HERE = pathlib.Path(__file__).parent
RAW = (Encoding.Raw, PublicFormat.Raw)


def write(name, data):
    text = data.hex()
    lines = [text[i:i + 64] for i in range(0, len(text), 64)]
    (HERE / (name + ".hex")).write_text("\n".join(lines) + "\n")


def blake(data, key=b""):
    return hashlib.blake2b(data, digest_size=32, key=key).digest()


def key(fill):
    return Ed25519PrivateKey.from_private_bytes(bytes([fill]) * 32)


def public(k):
    return k.public_key().public_bytes(*RAW)


def sign(k, purpose, body):
    return k.sign(purpose.encode() + b"\0" + body)


def varint(v):
    out = b""
    while v >= 0x80:
        out += bytes([v & 0x7f | 0x80])
        v >>= 7
    return out + bytes([v])


def uint(field, v):
    return varint(field << 3) + varint(v) if v else b""


def sint(field, v):
    return varint(field << 3) + varint(v * 2 if v >= 0 else -v * 2 - 1)


def fixed64(field, v):
    return varint(field << 3 | 1) + struct.pack("<Q", v) if v else b""


def blob(field, data):
    return varint(field << 3 | 2) + varint(len(data)) + data


def op():
    head = uint(1, 1) + blob(2, bytes(range(1, 17))) + sint(3, 1500) + uint(4, 1)
    body = uint(1, 1) + blob(2, b"w-17")
    for field in (uint(1, 1) + blob(3, b"311"),
                  uint(1, 2) + blob(3, b"2024-0001"),
                  uint(1, 14) + blob(3, "路灯不亮".encode()),
                  uint(1, 20) + sint(2, -399042000),
                  uint(1, 60) + blob(3, b"winter") + uint(6, 1),
                  uint(1, 33)):
        body += blob(3, field)
    write("op", b"\x01" + varint(len(head)) + head + varint(len(body)) + body)
    write("op-leaf", blake(b"\0" + head + blake(body)))
    write("op-pruned-body", blake(uint(1, 1) + blob(3, uint(1, 14) + blob(3, b"x"))))


def segment():
    header = struct.pack("<5sBQQQBIQIQB32s32s32s", b"TSEG1", 1,
                         0x1122334455667788, 0x99aabbccddeeff00, 0x0102030405060708,
                         3, 0x0a0b0c0d, 0x1000000001, 64, 0x0190000000000007, 2,
                         b"\xa1" * 32, b"\xb2" * 32, b"\xc3" * 32)
    assert len(header) == 152
    write("seg-header", header)
    write("seg-hash", blake(header))
    write("seg-sig", sign(key(1), "terrace/seg/1", header))

    def join(a, b):
        return blake(b"\1" + a + b)
    leaf = [bytes([i]) * 32 for i in range(5)]
    write("seg-root5", join(join(join(leaf[0], leaf[1]), join(leaf[2], leaf[3])), leaf[4]))
    vec = []
    for i in range(6):
        author = 0xffffffff00000000 if i // 2 == 2 else 10 + i // 2
        vec.append((author, 100 - i, 1000 + 6 - i, bytes([0x40 + i]) * 16))
    write("seg-ctxhash", blake(b"".join(struct.pack("<QQQ16s", *v) for v in sorted(vec))))
    write("seg-ctxhash0", blake(b""))


ZONE = 0x5a5a5a5a00000001
CAPS = {0: 0x7ff & ~(1 << 9), 1: 0x7f}


def cert(level, unit, title, k):
    return (fixed64(1, 0x100 + level) + fixed64(2, 0xff + level if level else 0) +
            uint(3, level) + uint(4, 1) + blob(5, public(k)) +
            blob(6, bytes([0x70 + level]) * 32) + blob(7, bytes([0x60 + level]) * 32) +
            uint(8, CAPS[level]) + blob(9, unit.encode()) + blob(10, title.encode()) +
            fixed64(11, 0xff + level if level else 0) + uint(12, 1) +
            uint(13, 0x0190000000000000) + uint(14, 1) + fixed64(15, ZONE))


def identity():
    root_keys = [key(0x11 + i) for i in range(3)]
    hub_key, street_key, leaf_key = key(0x21), key(0x22), key(0x23)
    hub = cert(0, "110101", "东城区", hub_key)
    sigs = b"".join(bytes([i]) + sign(root_keys[i], "terrace/cert/1", hub) for i in (0, 2))
    write("cert-hub", blob(1, hub) + blob(2, sigs))
    street = cert(1, "110101/110101001", "东华门街道", street_key)
    signed = blob(1, street) + blob(2, sign(hub_key, "terrace/cert/1", street))
    write("cert-street", signed)
    registrar = sign(hub_key, "terrace/registrar/1", street + struct.pack("<I", 1))
    write("cert-street-registered", signed + blob(4, registrar) + uint(5, 1))
    root = fixed64(1, ZONE) + uint(2, 1)
    root += b"".join(blob(3, public(k)) for k in root_keys) + uint(4, 2)
    write("root", root)
    write("root-hash", blake(root))

    token, secret, want = b"\1" * 16, b"\2" * 16, b"\3" * 100
    seed = blake(b"terrace/token/curve/1", secret)
    curve = X25519PrivateKey.from_private_bytes(hashlib.sha512(seed).digest()[:32])
    write("token-curve-pk", curve.public_key().public_bytes(*RAW))
    mac_key = blake(b"terrace/token/mac/1", secret)
    write("token-mac-key", mac_key)

    def part(data):
        return struct.pack("<I", len(data)) + data
    sig = sign(leaf_key, "terrace/enroll/1", token + want)
    write("enroll-mac", blake(part(b"terrace/enroll/1") + part(token) + part(want) + part(sig), mac_key))
    write("enrollok-mac", blake(part(b"terrace/enrollok/1") + struct.pack("<I", 2) +
                                part(want) + part(token) + part(want), mac_key))


op()
segment()
identity()
