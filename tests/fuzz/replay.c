/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: nothing that fuzzing has ever found comes back, without clang.
 * Method: each file of the named folders is given to the target once, in an
 * allocation of exactly its size.
 */
#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>

#include "tests/fuzz/fuzz.h"

static int run_file(const char *path)
{
	struct stat st;
	uint8_t *data;
	FILE *f = fopen(path, "rb");

	if (f == NULL || fstat(fileno(f), &st) != 0) {
		perror(path);
		return 1;
	}
	data = malloc(st.st_size > 0 ? (size_t)st.st_size : 1);
	TR_ASSERT(data != NULL);
	TR_ASSERT(fread(data, 1, (size_t)st.st_size, f) == (size_t)st.st_size);
	fclose(f);
	(void)LLVMFuzzerTestOneInput(data, (size_t)st.st_size);
	free(data);
	return 0;
}

static int run_folder(const char *folder, size_t *count)
{
	DIR *dir = opendir(folder);
	struct dirent *e;
	int rc = 0;

	if (dir == NULL) {
		perror(folder);
		return 1;
	}
	while (rc == 0 && (e = readdir(dir)) != NULL) {
		char path[4096];

		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, e->d_name);
		rc = run_file(path);
		(*count)++;
	}
	closedir(dir);
	return rc;
}

int main(int argc, char **argv)
{
	FILE *out = stdout; /* a target may take the name for itself */

	for (int i = 1; i < argc; i++) {
		size_t count = 0;

		if (run_folder(argv[i], &count) != 0)
			return 1;
		fprintf(out, "  ok    %-32s %4zu inputs\n", argv[i], count);
	}
	return 0;
}
