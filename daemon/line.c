/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/line.h"

#include "proto/err.h"

#include <stdlib.h>
#include <string.h>

int td_line_init(struct td_line *line, size_t size_max, size_t read_size)
{
	memset(line, 0, sizeof(*line));
	line->size_max = size_max;
	/* One byte more for the newline that td_line_end() adds. */
	line->cap = size_max + read_size + 1;
	line->buf = malloc(line->cap);
	return line->buf != NULL ? 0 : TR_E_NOMEM;
}

void td_line_fini(struct td_line *line)
{
	free(line->buf);
	memset(line, 0, sizeof(*line));
}

uint8_t *td_line_space(struct td_line *line, size_t *room)
{
	if (line->head > 0) {
		memmove(line->buf, line->buf + line->head,
		    line->tail - line->head);
		line->scan -= line->head;
		line->tail -= line->head;
		line->head = 0;
	}
	*room = line->cap - 1 - line->tail;
	TR_ASSERT(*room > 0);
	return line->buf + line->tail;
}

void td_line_added(struct td_line *line, size_t size)
{
	TR_ASSERT(size <= line->cap - line->tail);
	line->tail += size;
}

void td_line_end(struct td_line *line)
{
	if (td_line_is_partial(line))
		line->buf[line->tail++] = '\n';
}

bool td_line_is_partial(const struct td_line *line)
{
	return line->tail > line->head || line->skipping;
}

static enum td_line_what take(struct td_line *line, size_t newline,
    uint8_t **text, size_t *size)
{
	size_t n = newline - line->head;

	*text = line->buf + line->head;
	*size = n;
	line->head = line->scan = newline + 1;
	if (line->skipping) {
		*size = (size_t)line->skipped + n;
		line->skipping = false;
		line->skipped = 0;
		return TD_LINE_LONG;
	}
	if (n > line->size_max)
		return TD_LINE_LONG;
	if (n > 0 && (*text)[n - 1] == '\r')
		*size = n - 1;
	return TD_LINE_FULL;
}

enum td_line_what td_line_next(
    struct td_line *line, uint8_t **text, size_t *size)
{
	const uint8_t *newline = NULL;

	if (line->tail > line->scan)
		newline = memchr(
		    line->buf + line->scan, '\n', line->tail - line->scan);
	if (newline != NULL)
		return take(line, (size_t)(newline - line->buf), text, size);
	line->scan = line->tail;
	if (line->skipping || line->tail - line->head > line->size_max) {
		line->skipping = true;
		line->skipped += line->tail - line->head;
		line->head = line->scan = line->tail = 0;
	}
	return TD_LINE_NONE;
}
