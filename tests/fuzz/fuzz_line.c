/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: lines come out the same however the bytes were cut into reads, and as
 * a reader that has the whole text would see them.
 */
// needs: daemon/line.o
#include "daemon/line.h"
#include "tests/fuzz/fuzz_in.h"

#define LINE_MAX_HERE 24
#define READ_MAX 16

/* What has not yet come out; the next line of it is what must come. */
static void want(struct fuzz_in *rest, enum td_line_what what, const uint8_t *text, size_t size, bool at_end)
{
	const uint8_t *from = rest->at;
	struct tr_bytes line = fuzz_line(rest);
	bool has_newline = from + line.size < rest->at;

	TR_ASSERT(has_newline || (at_end && line.size > 0));
	if (line.size > LINE_MAX_HERE) {
		TR_ASSERT(what == TD_LINE_LONG && size == line.size);
		return;
	}
	if (line.size > 0 && line.data[line.size - 1] == '\r')
		line.size--;
	TR_ASSERT(what == TD_LINE_FULL && size == line.size);
	TR_ASSERT(size == 0 || memcmp(text, line.data, size) == 0);
}

static void take_all(struct td_line *lines, struct fuzz_in *rest, bool at_end)
{
	enum td_line_what what;
	uint8_t *text;
	size_t size;

	while ((what = td_line_next(lines, &text, &size)) != TD_LINE_NONE) {
		want(rest, what, text, size, at_end);
		if (what == TD_LINE_FULL)
			memset(text, 'x', size); /* writable */
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = {data, data + size};
	struct tr_bytes cuts = fuzz_take(&in, size / 4);
	struct fuzz_in rest = in;
	struct td_line lines;

	TR_ASSERT(td_line_init(&lines, LINE_MAX_HERE, READ_MAX) == 0);
	for (size_t i = 0; in.at < in.end; i++) {
		struct tr_bytes chunk;
		uint8_t *space;
		size_t room;

		space = td_line_space(&lines, &room);
		TR_ASSERT(room >= READ_MAX);
		chunk = fuzz_take(&in, 1 + (cuts.size > 0 ? cuts.data[i % cuts.size] : 7u) % room);
		memcpy(space, chunk.data, chunk.size);
		td_line_added(&lines, chunk.size);
		take_all(&lines, &rest, false);
	}
	TR_ASSERT(td_line_is_partial(&lines) == (rest.at < rest.end));
	td_line_end(&lines);
	take_all(&lines, &rest, true);
	TR_ASSERT(rest.at == rest.end && !td_line_is_partial(&lines));
	td_line_fini(&lines);
	return 0;
}
