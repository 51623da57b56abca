# SPDX-License-Identifier: Apache-2.0
"""table -- the figures of one run for people, each beside the raw limit it is held against."""


def rows(f):
    n = f["machine"]["records"]
    return [
        ("local ingest, link paused", "ingest_records_per_s", "records/s", "lmdb_1024_rows_per_s"),
        ("leaf to hub, durable at both", "leaf_to_hub_records_per_s", "records/s", "lmdb_1024_rows_per_s"),
        ("  ... source ids in no order", "shuffled_records_per_s", "records/s", "lmdb_1024_rows_per_s"),
        ("three tiers, durable at all", "three_tiers_records_per_s", "records/s", "lmdb_1024_rows_per_s"),
        (f"catch-up of {n:,} waiting", "catch_up_records_per_s", "records/s", "curve_450_records_per_s"),
        ("  ... seconds until all are held", "catch_up_seconds", "s", None),
        ("processor, local ingest", "ingest_cpu_us_sum", "us/record", None),
        ("processor, leaf to hub, 4 processes", "leaf_to_hub_cpu_us_sum", "us/record", None),
        ("  ... source ids in no order", "shuffled_cpu_us_sum", "us/record", None),
        ("processor, catch-up, 4 processes", "catch_up_cpu_us_sum", "us/record", None),
        ("processor, three tiers, 6 processes", "three_tiers_cpu_us_sum", "us/record", None),
        ("propagation at 20/s, 3 tiers, p50", "propagation_ms_p50", "ms", None),
        ("propagation at 20/s, 3 tiers, p99", "propagation_ms_p99", "ms", None),
        ("on the wire, up (TCP), of a line at the door", "wire_bytes_per_record", "bytes/record", "line_bytes"),
        ("on the wire, down", "wire_down_bytes_per_record", "bytes/record", None),
        ("idle leaf, PSS of core and carrier", "idle_leaf_pss_kib", "KiB", None),
        ("leaf after the load", "busy_leaf_pss_kib", "KiB", None),
        ("idle hub, one child", "idle_hub_pss_kib", "KiB", None),
        ("hub after the load", "busy_hub_pss_kib", "KiB", None),
        (f"hub, {f.get('children', 0)} idle children", "hub_with_children_kib", "KiB", None),
        ("hub, 300 idle children" + ("" if f.get("children") == 300 else " (scaled)"),
         "hub_300_children_kib", "KiB", None),
        ("idle hub, processor", "idle_hub_cpu_percent", "% of one", None),
        ("idle leaf, processor", "idle_leaf_cpu_percent", "% of one", None),
        ("raw: LMDB, 256 rows a synced commit", "lmdb_256_rows_per_s", "rows/s", None),
        ("raw: LMDB, 1,024 rows a synced commit", "lmdb_1024_rows_per_s", "rows/s", None),
        ("raw: LMDB, synced commits", "lmdb_synced_commits_per_s", "commits/s", None),
        ("raw: Ed25519 verify", "ed25519_verify_per_s", "/s", None),
        ("raw: Ed25519 sign", "ed25519_sign_per_s", "/s", None),
        ("raw: BLAKE2b-256 of 450 bytes", "blake2b_450_per_s", "/s", None),
        ("raw: ZeroMQ + CURVE, 450 bytes in 64 KiB frames", "curve_450_records_per_s", "records/s", None),
    ]


def show(f):
    print(f"{'':50} {'figure':>12} {'unit':14} of the raw limit")
    for title, key, unit, limit in rows(f):
        if key not in f:
            print(f"{title:50} {'-':>12}")
            continue
        share = f"{100 * f[key] / f[limit]:5.1f} % of {limit}" if limit in f else ""
        print(f"{title:50} {f[key]:12,.1f} {unit:14} {share}")
