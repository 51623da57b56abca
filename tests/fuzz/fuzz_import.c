/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: any bytes as a file to import -- CSV or lines, in any character set,
 * packed or not, through each map -- end in lines that would be sent and rows
 * that were refused, each with a reason; the tool ends with a code that says
 * so.  This is `terracectl import --dry-run` as a whole.
 * The first byte: format, packing and map; the second the character set and
 * how often the text is repeated in a packed file.
 */
// length: 8192
#include <stdio.h>
#include <unistd.h>

#include <jansson.h>
#include <zstd.h>

#include "admin/args.h"
#include "admin/text.h"
#include "admin/verbs.h"
#include "tests/fuzz/fuzz_in.h"

#define PLAIN_MAX (160 * 1024) /* above one block of zstd */

static const struct tc_cmd commands[] = {
    {"import", TC_GROUP_DATA, 0, "FILE", "format map encoding kind home bulk rejects dry-run", "",
	tc_cmd_import, NULL},
    {NULL, TC_GROUP_OTHER, 0, "", "", "", NULL, NULL},
};
static char folder[64];

static void path_of(char out[static 96], const char *name)
{
	snprintf(out, 96, "%s/%s", folder, name);
}

static void clean(void)
{
	static const char *const names[] = {"in", "in.zst", "map", "rejects"};
	char path[96];

	for (size_t i = 0; i < 4; i++) {
		path_of(path, names[i]);
		(void)unlink(path);
	}
	(void)rmdir(folder);
}

static void prepare(void)
{
	if (folder[0] != '\0')
		return;
	(void)fuzz_arena(); /* libsodium */
	snprintf(folder, sizeof(folder), "/tmp/fuzz-import-XXXXXX");
	TR_ASSERT(mkdtemp(folder) != NULL);
	atexit(clean);
	/* What the tool says goes nowhere; the sanitizers write to 2 themselves. */
	stderr = fopen("/dev/null", "we");
	stdout = fopen("/dev/null", "we");
	TR_ASSERT(stderr != NULL && stdout != NULL);
}

static void put_file(const char *name, const void *data, size_t size)
{
	char path[96];
	FILE *f;

	path_of(path, name);
	f = fopen(path, "we");
	TR_ASSERT(f != NULL && fwrite(data, 1, size, f) == size && fclose(f) == 0);
}

/* The text again and again, packed without a checksum, as libraries do. */
static void put_packed(struct tr_bytes text, unsigned times)
{
	size_t size, cap, packed;
	uint8_t *plain, *out;

	while (text.size * times > PLAIN_MAX)
		times /= 2;
	size = text.size * times;
	cap = ZSTD_compressBound(size);
	plain = malloc(size + 1);
	out = malloc(cap);
	TR_ASSERT(plain != NULL && out != NULL);
	for (unsigned i = 0; i < times && text.size > 0; i++)
		memcpy(plain + i * text.size, text.data, text.size);
	packed = ZSTD_compress(out, cap, plain, size, 1);
	TR_ASSERT(!ZSTD_isError(packed));
	put_file("in.zst", out, packed);
	free(plain);
	free(out);
}

/* Each refused row is one whole line of JSON with a reason. */
static void check_rejects(size_t *count)
{
	char path[96];
	FILE *f;
	json_t *line;

	*count = 0;
	path_of(path, "rejects");
	f = fopen(path, "re");
	if (f == NULL)
		return;
	while ((line = json_loadf(f, JSON_DISABLE_EOF_CHECK, NULL)) != NULL) {
		const json_t *error = json_object_get(line, "error");

		TR_ASSERT(json_is_integer(json_object_get(line, "row")));
		TR_ASSERT(json_is_string(json_object_get(error, "code")));
		TR_ASSERT(json_is_string(json_object_get(error, "message")));
		json_decref(line);
		(*count)++;
	}
	TR_ASSERT(fgetc(f) == EOF);
	TR_ASSERT(fclose(f) == 0);
}

static int import(char *file, const char *format, const char *map, const char *encoding)
{
	char rejects[96], *argv[20] = {"terracectl", "import", "--dry-run", "--home", "110101", "--rejects"};
	int argc = 6, rc;
	struct tc_run run;

	path_of(rejects, "rejects");
	argv[argc++] = rejects;
	argv[argc++] = "--format";
	argv[argc++] = (char *)(uintptr_t)format;
	if (map != NULL) {
		argv[argc++] = "--map";
		argv[argc++] = (char *)(uintptr_t)map;
	}
	if (encoding != NULL) {
		argv[argc++] = "--encoding";
		argv[argc++] = (char *)(uintptr_t)encoding;
	}
	argv[argc++] = file;
	rc = tc_args_parse(&run, commands, argc, argv);
	if (rc == 0)
		rc = tc_cmd_import(&run);
	tc_args_fini(&run);
	return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const maps[] = {NULL, "311", "311-events", "map"};
	static const char *const sets[] = {NULL, "gb18030", "utf-16", "big5", "iso-2022-jp", "utf-7", "tscii", "utf-8"};
	struct fuzz_in in = {data, data + size};
	uint8_t how = fuzz_u8(&in), set = fuzz_u8(&in);
	char file[96], map[96];
	size_t refused;
	int rc;

	prepare();
	path_of(map, "map");
	path_of(file, (how & 2) != 0 ? "in.zst" : "in");
	if ((how >> 4) % 4 == 3) {
		struct tr_bytes text = fuzz_line(&in);

		put_file("map", text.data != NULL ? text.data : data, text.size);
	}
	if ((how & 6) == 2) /* packed by us */
		put_packed(fuzz_take(&in, size), 1 + (unsigned)(set / 8) * (set / 8) * 8);
	else
		put_file((how & 2) != 0 ? "in.zst" : "in", in.at, (size_t)(in.end - in.at));
	rc = import(file, how % 2 != 0 ? "csv" : "ndjson", (how >> 4) % 4 == 3 ? map : maps[(how >> 4) % 4], sets[set % 8]);
	TR_ASSERT(rc == 0 || rc == tr_err_exit(TR_E_INPUT) || rc == tr_err_exit(TR_E_IO) ||
	    rc == tr_err_exit(TR_E_UTF8) || rc == tr_err_exit(TR_E_DAMAGED));
	check_rejects(&refused);
	TR_ASSERT(rc != 0 || refused == 0);
	return 0;
}
