#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# import: formats, maps, order, back-pressure, what is refused.  What the daemon took is in
# the fake's file "lines".
load helper

DATA=$BATS_TEST_DIRNAME/../data

setup() {
	BATS_FILE_TMPDIR=$BATS_TEST_TMPDIR
	fake plain "${MODE-plain}"
	cd "$BATS_TEST_TMPDIR" || return 1
}

teardown() {
	stop_fakes
}

# again MODE: the fake of this test in another mode
again() {
	stop_fakes
	rm -f plain/ready plain/lines
	fake plain "$1"
}

taken() {
	cat plain/lines
}

@test "NDJSON: every line, in order, with its answer counted" {
	printf '%s\n' '{"source":"a","source_id":"1","category":"x"}' '{"source":"a","source_id":"2","lat":51.465}' \
		'{"source":"a","source_id":"1","status":"filed"}' >in.ndjson
	run on plain import in.ndjson
	code 0
	has "3 rows read: 2 created, 1 updated, 0 unchanged, 0 refused"
	[ "$(taken | wc -l)" -eq 3 ]
	[ "$(taken | sed -n 2p)" = '{"lat": 51.465, "source": "a", "source_id": "2"}' ]
}

@test "standard input, defaults, and a summary as JSON" {
	run bash -c "echo '{\"source\":\"a\",\"source_id\":\"1\"}' | '$TERRACECTL' --dir plain import - --kind case --home 110101001001 --bulk --json"
	code 0
	has '"schema":"terrace.import/1","dry_run":false,"read":1,"lines":1,"created":1'
	[ "$(taken)" = '{"bulk": true, "home": "110101001001", "kind": "case", "source": "a", "source_id": "1"}' ]
}

@test "a bad line costs only itself; exit 65 and the reasons" {
	{
		echo '{"source":"a","source_id":"1"}'
		echo 'no json'
		echo '{"source":"a","source_id":"2","category":"bad"}'
		echo '[1]'
		printf '{"source":"a","source_id":"3","title":"%s"}\n' "$(head -c 70000 /dev/zero | tr '\0' x)"
		printf '{"source":"a","source_id":"\xff"}\n'
		echo ''
		echo '{"source":"a","source_id":"4"}'
	} >in.ndjson
	run on plain import in.ndjson --rejects bad.ndjson
	code 65
	has "row 2: not JSON"
	has "(TR-E-INPUT)"
	has "row 3: category: unknown category (TR-E-FIELD)"
	has "row 5: the line has 70"
	has "2 created, 0 updated, 0 unchanged, 5 refused"
	python3 -c 'import json
rows = sorted((json.loads(line) for line in open("bad.ndjson")), key=lambda row: row["row"])
assert [row["row"] for row in rows] == [2, 3, 4, 5, 6], rows
assert rows[1]["sent"] == {"source": "a", "source_id": "2", "category": "bad"}, rows[1]
assert rows[3]["error"]["code"] == "TR-E-SIZE", rows[3]'
}

@test "2 MiB in one value do not stop the rest" {
	{
		printf '{"source":"a","source_id":"1","title":"%s"}\n' "$(head -c 2097152 /dev/zero | tr '\0' x)"
		echo '{"source":"a","source_id":"2"}'
	} >in.ndjson
	run on plain import in.ndjson
	code 65
	has "1 created"
	has "the line has 2097"
}

@test "map 311: a case as it stands" {
	echo '{"source":"nyc","id":"7","opened":"2012-11-15T14:28:58Z","updated":"2012-11-16T16:45:00Z","closed":"2012-11-16T16:45:00Z","category":"Street Condition","subcategory":"Pothole","status":"Closed","agency":"DOT","area":null,"lat":40.755,"lon":-73.832,"channel":"UNKNOWN"}' >in.ndjson
	echo '{"source":"nyc","id":"8","opened":"2012-11-15T14:28:58Z","updated":null,"closed":null,"category":"x","status":"Pending"}' >>in.ndjson
	echo '{"source":"nyc","opened":"2012-11-15T14:28:58Z"}' >>in.ndjson
	run on plain import in.ndjson --map 311 --home 110101001001
	code 65
	has "row 3: id: the map needs this field"
	[ "$(taken | head -1)" = '{"agency": "DOT", "at": "2012-11-16T16:45:00Z", "category": "Street Condition", "channel": "UNKNOWN", "home": "110101001001", "imported": true, "key": "nyc:7:0:311", "kind": "case", "lat": 40.755, "lon": -73.832, "reported_at": "2012-11-15T14:28:58Z", "source": "nyc", "source_id": "7", "status": "closed", "subcategory": "Pothole"}' ]
	[[ $(taken | tail -1) == *'"at": "2012-11-15T14:28:58Z"'*'"status": "reported"'* ]]
}

events() {
	python3 -c 'import json,sys
for i, kind in enumerate(sys.argv[1:]):
    kind, _, seq = kind.partition("/")
    print(json.dumps({"source":"l","id":"1","seq":int(seq or i+1),"t":"2022-01-01T00:%02d:00Z" % i,"kind":kind,"comments":2}))' "$@"
}

# The steps that the daemon got, in order.
steps() {
	taken | python3 -c 'import json,sys
rows = [json.loads(line) for line in sys.stdin]
assert all(r["imported"] for r in rows)
print(*["create" if "reported_at" in r else "note" if "note" in r else r["status"] for r in rows])'
}

@test "map 311-events: the legal way, step by step, with the time of the event" {
	events opened sent updated closed reopened closed >in.ndjson
	run on plain import in.ndjson --map 311-events
	code 0
	[ "$(steps)" = "create filed dispatched note handling handled verified closed reopened dispatched handling handled verified closed" ]
	[[ $(taken | sed -n 2p) == *'"at": "2022-01-01T00:01:00Z"'*'"key": "l:1:2:filed"'* ]]
	[[ $(taken | sed -n 4p) == *'"note": "updated (comments: 2)"'* ]]
}

@test "map 311-events: closed at once goes the whole way; twice is once" {
	events opened closed closed >in.ndjson
	run on plain import in.ndjson --map 311-events
	code 0
	[ "$(steps)" = "create filed dispatched handling handled verified closed" ]
}

@test "map 311-events: what comes before the creation waits, by seq" {
	events sent/2 closed/4 updated/3 opened/1 >in.ndjson
	run on plain import in.ndjson --map 311-events
	code 0
	[ "$(steps)" = "create filed dispatched note handling handled verified closed" ]
}

@test "map 311-events: a gap in seq does not lose what is behind it" {
	events opened/1 closed/9 sent/5 >in.ndjson
	run on plain import in.ndjson --map 311-events
	code 0
	[ "$(steps)" = "create filed dispatched handling handled verified closed" ]
}

@test "map 311-events: unknown kinds and cases that nobody opened" {
	events opened exploded >in.ndjson
	sed 's/"id": "1"/"id": "2"/; s/opened/sent/' <(events opened) >>in.ndjson
	run on plain import in.ndjson --map 311-events
	code 65
	has "does not know the kind 'exploded'"
	has "no row opens this case"
	[ "$(steps)" = create ]
}

@test "map 311-events: Chicago's work orders are notes" {
	run on plain import "$DATA/chicago.events.ndjson.zst" --map 311-events
	code 0
	[ "$(steps | tr ' ' '\n' | grep -c create)" -eq 50 ]
	[ "$(steps | tr ' ' '\n' | grep -c closed)" -eq 49 ]
	[ "$(steps | tr ' ' '\n' | grep -c note)" -eq 177 ]
	[[ $(taken) == *'"note": "Request submitted via Web"'* ]]
}

@test "real history, compressed: every step is legal after the one before" {
	run on plain import "$DATA/lewisham.events.ndjson.zst" --map 311-events
	code 0
	taken | python3 -c 'import json,sys
after = {"filed": {"reported"}, "dispatched": {"filed", "reopened"}, "handling": {"dispatched"}, "handled": {"handling"},
         "verified": {"handled"}, "closed": {"verified"}, "reopened": {"closed"}}
now = {}
for line in sys.stdin:
    row = json.loads(line)
    case = row["source_id"]
    if "reported_at" in row:
        assert case not in now
        now[case] = "reported"
    elif "status" in row:
        assert now[case] in after[row["status"]], (case, now[case], row)
        now[case] = row["status"]
    else:
        assert case in now
assert len(now) > 100'
}

@test "a second run makes nothing twice" {
	events opened sent closed >in.ndjson
	cat in.ndjson in.ndjson >twice.ndjson
	run on plain import in.ndjson --map 311-events
	code 0
	first=$(taken)
	# The keys are the same in another run.
	again plain
	run on plain import in.ndjson --map 311-events
	[ "$(taken)" = "$first" ]
}

@test "a daemon that is busy: nothing lost, nothing out of order" {
	again busy
	for i in $(seq 40); do events opened sent closed | sed "s/\"id\": \"1\"/\"id\": \"$i\"/"; done >in.ndjson
	run on plain import in.ndjson --map 311-events
	code 0
	has "120 rows read: 40 created, 240 updated, 0 unchanged, 0 refused"
	for i in 1 20 40; do
		[ "$(taken | grep "\"source_id\": \"$i\"" | grep -o '"status": "[a-z]*"' | tr -d '\n')" = \
			'"status": "filed""status": "dispatched""status": "handling""status": "handled""status": "verified""status": "closed"' ]
	done
}

@test "more lines than fit on the way" {
	seq 5000 | sed 's/.*/{"source":"a","source_id":"&"}/' >in.ndjson
	run on plain import in.ndjson
	code 0
	has "5000 created"
	[ "$(taken | wc -l)" -eq 5000 ]
}

@test "a full store ends the import: 74, and where" {
	again full
	seq 50 | sed 's/.*/{"source":"a","source_id":"&"}/' >in.ndjson
	run on plain import in.ndjson
	code 74
	has "TR-E-FULL"
	has "Row 1 and what follows were not taken"
	has "0 lines had been answered"
}

@test "CSV: names, types, quotes, several lines in one field" {
	printf '\xef\xbb\xbfsource,source_id,lat,title,campaign\r\nx,1,39.9,"a ""b"", c",p;q\r\nx,2,,"two\nlines",\r\nx,3\r\nx,4,1,"open\r\n' >in.csv
	run on plain import in.csv
	code 65
	[ "$(taken | sed -n 1p)" = '{"campaign": ["p", "q"], "lat": 39.9, "source": "x", "source_id": "1", "title": "a \"b\", c"}' ]
	[ "$(taken | sed -n 2p)" = '{"source": "x", "source_id": "2", "title": "two\nlines"}' ]
	has "row 5: 2 columns, the first row names 5"
	has "a quote is not closed"
}

@test "old exports in GB18030" {
	printf 'source,source_id,title\nx,1,夜间施工噪音\n' | iconv -t gb18030 >in.csv
	run on plain import in.csv --encoding gb18030
	code 0
	[[ $(taken) == *夜间施工噪音* ]]
}

@test "a map from a file" {
	echo '{"rename":{"nr":"source_id","was":"title"},"set":{"source":"amt"},"drop":["tel"]}' >map.json
	echo '{"nr":"5","was":"Schlagloch","tel":"030"}' >in.ndjson
	run on plain import in.ndjson --map map.json
	code 0
	[ "$(taken)" = '{"source": "amt", "source_id": "5", "title": "Schlagloch"}' ]
}

@test "--dry-run writes nothing and needs no daemon" {
	events opened sent closed >in.ndjson
	run t --dir /nonexistent import in.ndjson --map 311-events --dry-run
	code 0
	has "3 rows read, 7 lines would be sent, 0 refused"
	[ ! -e plain/lines ]
}

@test "a damaged .zst: 74, what was whole is in" {
	head -c 50000 "$DATA/lewisham.events.ndjson.zst" >in.ndjson.zst
	run on plain import in.ndjson.zst --map 311-events
	[ "$status" -ne 0 ]
	has "ends too early"
}

@test "no daemon: 69, and running again is safe" {
	echo '{"source":"a","source_id":"1"}' >in.ndjson
	run t --dir /nonexistent import in.ndjson
	code 69
	has "ingest.sock does not exist"
}
