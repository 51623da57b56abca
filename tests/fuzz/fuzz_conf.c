/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: any bytes as terrace.yaml: every fault is named, or there is a
 * configuration; its listing is a file that says the same.
 */
// needs: daemon/conf.o daemon/conf_value.o daemon/conf_yaml.o daemon/address.o proto/control.o
// length: 4096
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/conf.h"
#include "tests/fuzz/fuzz_in.h"

static char folder[64], file[96], again[96];

static void clean(void)
{
	(void)unlink(file);
	(void)unlink(again);
	(void)rmdir(folder);
}

static void prepare(void)
{
	if (folder[0] != '\0')
		return;
	snprintf(folder, sizeof(folder), "/tmp/fuzz-conf-XXXXXX");
	TR_ASSERT(mkdtemp(folder) != NULL);
	snprintf(file, sizeof(file), "%s/terrace.yaml", folder);
	snprintf(again, sizeof(again), "%s/again.yaml", folder);
	atexit(clean);
}

static void put_file(const char *path, const void *data, size_t size)
{
	FILE *f = fopen(path, "we");

	TR_ASSERT(f != NULL && fwrite(data, 1, size, f) == size && fclose(f) == 0);
}

static struct td_conf *load(const char *path, unsigned *problems)
{
	char *said = NULL;
	size_t size = 0;
	FILE *errors = open_memstream(&said, &size);
	struct td_conf *conf;

	TR_ASSERT(errors != NULL);
	conf = td_conf_load(path, errors, problems);
	TR_ASSERT(fclose(errors) == 0);
	TR_ASSERT((conf == NULL) == (*problems > 0));
	TR_ASSERT(conf != NULL || size > 0);
	free(said);
	return conf;
}

static void round_trip(const struct td_conf *conf, bool with_defaults)
{
	struct td_conf *second;
	unsigned problems;
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	TR_ASSERT(out != NULL);
	td_conf_print(conf, with_defaults, out);
	TR_ASSERT(fclose(out) == 0);
	put_file(again, text, size);
	second = load(again, &problems);
	TR_ASSERT(second != NULL);
	TR_ASSERT(td_conf_restart_needed(conf, second, NULL) == 0);
	TR_ASSERT(td_conf_changed(conf, second, NULL) == 0);
	TR_ASSERT(td_conf_adopt(second, conf) == 0);
	td_conf_free(second);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct td_conf *conf;
	unsigned problems;

	prepare();
	put_file(file, data, size);
	conf = load(file, &problems);
	if (conf == NULL)
		return 0;
	round_trip(conf, true);
	round_trip(conf, false);
	td_conf_free(conf);
	return 0;
}
