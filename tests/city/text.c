/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/city/text.h"

#include <stdio.h>
#include <stdlib.h>

#include <zstd.h>

#define TEXT_MAX ((size_t)64 << 20)

static _Noreturn void fail(const char *path, const char *why)
{
	fprintf(stderr, "city: %s: %s\n", path, why);
	exit(1);
}

static void *slurp(const char *path, size_t *size)
{
	FILE *f = fopen(path, "rb");
	size_t cap = 1 << 20;
	char *data = malloc(cap);

	if (f == NULL || data == NULL)
		fail(path, "cannot be opened (run it at the top of the source tree)");
	*size = fread(data, 1, cap, f);
	if (ferror(f) || *size == cap)
		fail(path, "cannot be read whole");
	fclose(f);
	return data;
}

char *city_text_read(const char *path)
{
	size_t size, rc = 1, cap = (size_t)1 << 20;
	void *packed = slurp(path, &size);
	ZSTD_DStream *stream = ZSTD_createDStream();
	ZSTD_inBuffer in = {packed, size, 0};
	ZSTD_outBuffer out = {malloc(cap), cap, 0};
	char *text;

	while (stream != NULL && out.dst != NULL && rc != 0 && !ZSTD_isError(rc)) {
		size_t before = out.pos + in.pos;

		rc = ZSTD_decompressStream(stream, &out, &in);
		if (out.pos == out.size && out.size < TEXT_MAX)
			out.dst = realloc(out.dst, out.size *= 2);
		else if (rc != 0 && out.pos + in.pos == before)
			break;
	}
	if (rc != 0 || out.dst == NULL)
		fail(path, ZSTD_isError(rc) ? ZSTD_getErrorName(rc) : "is cut short or too large");
	text = out.dst;
	text = realloc(text, out.pos + 1);
	if (text == NULL)
		fail(path, "no memory");
	text[out.pos] = '\0';
	(void)ZSTD_freeDStream(stream);
	free(packed);
	return text;
}
