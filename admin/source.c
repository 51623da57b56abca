/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/source.h"

#include "admin/fault.h"
#include "admin/mem.h"
#include "admin/text.h"

#include <errno.h>
#include <fcntl.h>
#include <iconv.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#define RAW_SIZE 131072
#define TEXT_SIZE (4 * RAW_SIZE)
#define FIELDS_MAX 256

struct tc_source {
	int fd;
	char *path;
	off_t file_size; /* 0 = not a file */
	uint64_t read_bytes;
	bool is_ended, is_packed, had_bom;
	ZSTD_DStream *unpack;
	size_t unpack_left; /* 0 = at the end of a frame */
	iconv_t convert;    /* (iconv_t)-1 = none */
	char *raw, *plain, *text; /* as read; unpacked; UTF-8 */
	size_t raw_size, raw_at, plain_size, text_size, text_at;
	char *line; /* the line under way */
	size_t line_size;
	uint64_t line_long; /* bytes of a line that is too long */
	uint64_t number;
	char *fields[FIELDS_MAX];
	char *row;
	size_t row_size;
};

int tc_source_open(
    struct tc_source **out, const char *path, const char *encoding)
{
	bool is_stdin = strcmp(path, "-") == 0;
	size_t size = strlen(path);
	struct tc_source *source;
	struct stat st;
	iconv_t convert = (iconv_t)-1;
	int fd;

	if (encoding != NULL) {
		convert = iconv_open("UTF-8", encoding);
		if (convert == (iconv_t)-1)
			return tc_fault_say(TR_E_USAGE,
			    _("character set '%s' is not known"), encoding);
	}
	fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		int rc = errno == EACCES ? TR_E_PERM : TR_E_NOTFOUND;

		if (convert != (iconv_t)-1)
			iconv_close(convert);
		return tc_fault_say(rc, "%s: %s", path, strerror(errno));
	}
	source = tc_mem_alloc(1, sizeof(*source));
	source->fd = fd;
	source->path = tc_mem_text(path);
	source->convert = convert;
	source->is_packed = size > 4 && strcmp(path + size - 4, ".zst") == 0;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		source->file_size = st.st_size;
	if (source->is_packed)
		source->unpack = ZSTD_createDStream();
	source->raw = tc_mem_alloc(RAW_SIZE, 1);
	source->plain = tc_mem_alloc(RAW_SIZE, 1);
	source->text = tc_mem_alloc(TEXT_SIZE, 1);
	source->line = tc_mem_alloc(TC_SOURCE_LINE_MAX + 1, 1);
	*out = source;
	return 0;
}

void tc_source_close(struct tc_source *source)
{
	if (source == NULL)
		return;
	if (source->fd != STDIN_FILENO)
		close(source->fd);
	if (source->convert != (iconv_t)-1)
		iconv_close(source->convert);
	ZSTD_freeDStream(source->unpack);
	free(source->raw);
	free(source->plain);
	free(source->text);
	free(source->line);
	free(source->row);
	free(source->path);
	free(source);
}

double tc_source_share(const struct tc_source *source)
{
	return source->file_size > 0 ? (double)source->read_bytes /
					   (double)source->file_size
				     : -1;
}

/* --- bytes: file, unpacked, UTF-8 --- */

static int read_raw(struct tc_source *source)
{
	ssize_t n;

	do
		n = read(source->fd, source->raw, RAW_SIZE);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return tc_fault_say(
		    TR_E_IO, "%s: %s", source->path, strerror(errno));
	source->raw_size = (size_t)n;
	source->raw_at = 0;
	source->read_bytes += (uint64_t)n;
	source->is_ended = n == 0;
	return 0;
}

/* Appends what fits to plain. */
static int unpack(struct tc_source *source)
{
	ZSTD_inBuffer in = {source->raw, source->raw_size, source->raw_at};
	ZSTD_outBuffer out = {source->plain, RAW_SIZE, source->plain_size};
	size_t rc;

	if (source->is_ended) {
		if (source->unpack_left == 0)
			return 0;
		return tc_fault_say(TR_E_DAMAGED,
		    _("%s: the compressed file ends too early"), source->path);
	}
	rc = ZSTD_decompressStream(source->unpack, &out, &in);
	if (ZSTD_isError(rc))
		return tc_fault_say(TR_E_DAMAGED, "%s: zstd: %s", source->path,
		    ZSTD_getErrorName(rc));
	source->unpack_left = rc;
	source->raw_at = in.pos;
	source->plain_size = out.pos;
	return 0;
}

static void copy_plain(struct tc_source *source)
{
	size_t size = source->raw_size - source->raw_at;

	if (size > RAW_SIZE - source->plain_size)
		size = RAW_SIZE - source->plain_size;
	memcpy(source->plain + source->plain_size,
	    source->raw + source->raw_at, size);
	source->raw_at += size;
	source->plain_size += size;
}

/* plain -> text; what is half a character stays in plain. */
static int convert(struct tc_source *source)
{
	char *in = source->plain, *out = source->text;
	size_t left = source->plain_size, room = TEXT_SIZE;

	if (source->convert == (iconv_t)-1) {
		memcpy(source->text, source->plain, source->plain_size);
		source->text_size = source->plain_size;
		source->plain_size = 0;
		return 0;
	}
	while (left > 0 &&
	       iconv(source->convert, &in, &left, &out, &room) == (size_t)-1) {
		if (errno == EINVAL && !source->is_ended)
			break; /* the rest comes with the next block */
		if (errno == E2BIG || room < 3)
			break;
		/* A wrong byte costs one character, not the file. */
		memcpy(out, "\xef\xbf\xbd", 3);
		out += 3;
		room -= 3;
		in++;
		left--;
	}
	memmove(source->plain, in, left);
	source->plain_size = left;
	source->text_size = (size_t)(out - source->text);
	return 0;
}

/* More text; text_size 0 = the end.  0 or an exit code. */
static int fill(struct tc_source *source)
{
	int rc = 0;

	source->text_at = source->text_size = 0;
	while (source->text_size == 0 && rc == 0) {
		if (source->raw_at == source->raw_size && !source->is_ended)
			rc = read_raw(source);
		if (rc == 0 && source->is_packed)
			rc = unpack(source);
		else if (rc == 0)
			copy_plain(source);
		if (rc == 0)
			rc = convert(source);
		if (source->is_ended && source->plain_size == 0 &&
		    source->raw_at == source->raw_size)
			break;
	}
	/* UTF-8 with a mark at its beginning is what Windows writes. */
	if (!source->had_bom && source->text_size >= 3 &&
	    memcmp(source->text, "\xef\xbb\xbf", 3) == 0)
		source->text_at = 3;
	source->had_bom = true;
	return rc;
}

/* --- lines --- */

static void add_to_line(struct tc_source *source, const char *text, size_t size)
{
	if (source->line_long > 0 ||
	    source->line_size + size > TC_SOURCE_LINE_MAX) {
		source->line_long += source->line_size + size;
		source->line_size = 0;
		return;
	}
	memcpy(source->line + source->line_size, text, size);
	source->line_size += size;
}

static enum tc_source_what end_line(
    struct tc_source *source, struct tc_source_line *line)
{
	source->number++;
	line->number = source->number;
	if (source->line_long > 0) {
		line->text = NULL;
		line->size = source->line_long;
		source->line_long = 0;
		return TC_SOURCE_LONG;
	}
	if (source->line_size > 0 &&
	    source->line[source->line_size - 1] == '\r')
		source->line_size--;
	source->line[source->line_size] = '\0';
	line->text = source->line;
	line->size = source->line_size;
	source->line_size = 0;
	return TC_SOURCE_LINE;
}

enum tc_source_what tc_source_next(
    struct tc_source *source, struct tc_source_line *line)
{
	for (;;) {
		const char *at = source->text + source->text_at;
		size_t left = source->text_size - source->text_at;
		const char *newline =
		    left > 0 ? memchr(at, '\n', left) : NULL;

		if (newline != NULL) {
			add_to_line(source, at, (size_t)(newline - at));
			source->text_at += (size_t)(newline - at) + 1;
			return end_line(source, line);
		}
		if (left > 0)
			add_to_line(source, at, left);
		if (fill(source) != 0)
			return TC_SOURCE_FAIL;
		if (source->text_size == 0) {
			if (source->line_size > 0 || source->line_long > 0)
				return end_line(source, line);
			return TC_SOURCE_END;
		}
	}
}

/* --- CSV rows (RFC 4180) --- */

static bool quotes_are_open(const char *text, size_t size, bool is_open)
{
	for (size_t i = 0; i < size; i++)
		if (text[i] == '"')
			is_open = !is_open;
	return is_open;
}

static enum tc_source_what read_row(
    struct tc_source *source, struct tc_source_line *line)
{
	uint64_t first = source->number + 1;
	bool is_open = false;
	enum tc_source_what what;

	source->row_size = 0;
	do {
		what = tc_source_next(source, line);
		if (what != TC_SOURCE_LINE) {
			if (what == TC_SOURCE_END && source->row_size > 0)
				break; /* an open quote: the splitter says so */
			return what;
		}
		if (source->row_size + line->size > TC_SOURCE_LINE_MAX) {
			line->size += source->row_size;
			return TC_SOURCE_LONG;
		}
		source->row = tc_mem_resize(
		    source->row, source->row_size + line->size + 2, 1);
		if (source->row_size > 0)
			source->row[source->row_size++] = '\n';
		memcpy(source->row + source->row_size, line->text, line->size);
		source->row_size += line->size;
		is_open = quotes_are_open(line->text, line->size, is_open);
	} while (is_open);
	source->row[source->row_size] = '\0';
	line->text = source->row;
	line->size = source->row_size;
	line->number = first;
	return TC_SOURCE_LINE;
}

/* A quoted field in place; *end behind its closing quote, NULL = not closed. */
static char *unquote(char *p, char **end)
{
	char *out = p, *start = p;

	for (p++; *p != '\0'; p++) {
		if (*p == '"' && p[1] == '"') {
			*out++ = '"';
			p++;
		} else if (*p == '"') {
			*end = p + 1;
			*out = '\0';
			return start;
		} else {
			*out++ = *p;
		}
	}
	*end = NULL;
	return start;
}

/* NULL or what is wrong. */
static const char *split(struct tc_source *source, size_t *count)
{
	char *p = source->row;

	*count = 0;
	for (;;) {
		char *end;

		if (*count == FIELDS_MAX)
			return N_("too many columns");
		if (*p == '"') {
			source->fields[*count] = unquote(p, &end);
			if (end == NULL)
				return N_("a quote is not closed");
		} else {
			source->fields[*count] = p;
			end = p + strcspn(p, ",\"");
			if (*end == '"')
				return N_("a quote inside a field that is not quoted");
		}
		++*count;
		if (*end == '\0')
			return NULL;
		if (*end != ',')
			return N_("something behind a closing quote");
		*end = '\0';
		p = end + 1;
	}
}

enum tc_source_what tc_source_row(struct tc_source *source,
    struct tc_source_line *line, char ***fields, size_t *count)
{
	enum tc_source_what what = read_row(source, line);
	const char *wrong;

	*count = 0;
	if (what != TC_SOURCE_LINE)
		return what;
	/* Texts end at a byte 0: what stands behind it would be lost unseen. */
	wrong = memchr(source->row, '\0', source->row_size) != NULL
		    ? N_("a byte 0 in the row; say what it is, such as --encoding utf-16")
		    : split(source, count);
	*fields = source->fields;
	if (wrong != NULL) {
		*count = 0;
		line->text = (char *)(uintptr_t)tc_text_of(wrong);
	}
	return TC_SOURCE_LINE;
}
