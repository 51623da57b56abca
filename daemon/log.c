/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/sys.h"
#include "daemon/text.h"
#include "proto/err.h"

#define LINE_MAX_BYTES 2048
#define FOLD_SLOTS 16
#define FOLD_MS 10000

enum target { TO_STDERR, TO_STDERR_JOURNALD, TO_JSON, TO_JOURNAL };

/* A line that was written lately. */
struct fold {
	enum td_log_level level;
	char event[40];
	char pairs[400];
	int64_t first_ms; /* mono; 0 = free slot */
	unsigned repeated;
};

/* The process has one log; this is its only state outside a struct. */
static struct {
	enum td_log_level level;
	enum target target;
	int journal_fd;
	struct fold folds[FOLD_SLOTS];
	unsigned next_fold;
} log_state = {.level = TD_LOG_INFO, .journal_fd = -1};

static const char *const level_names[] = {"error", "warn", "notice", "info", "debug"};
static const int priorities[] = {3, 4, 5, 6, 7}; /* syslog's */

int td_log_level_of(const char *name)
{
	for (int i = 0; i < 5; i++)
		if (strcmp(name, level_names[i]) == 0)
			return i;
	return -1;
}

int td_log_set_level(const char *level)
{
	int i = td_log_level_of(level);

	if (i < 0)
		return TR_E_USAGE;
	log_state.level = (enum td_log_level)i;
	return 0;
}

const char *td_log_level_name(void)
{
	return level_names[log_state.level];
}

/* ------------------------------------------------------------------ where to */

/* systemd says which stream it reads, so that a redirected stderr is no mistake. */
static bool stderr_is_journald(void)
{
	const char *said = getenv("JOURNAL_STREAM");
	unsigned long long dev, ino;
	struct stat st;

	if (said == NULL || sscanf(said, "%llu:%llu", &dev, &ino) != 2)
		return false;
	return fstat(STDERR_FILENO, &st) == 0 && st.st_dev == dev && st.st_ino == ino;
}

static bool journal_connect(void)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX, .sun_path = "/run/systemd/journal/socket"};
	int fd;

	if (log_state.journal_fd >= 0)
		return true;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return false;
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0) {
		close(fd);
		return false;
	}
	log_state.journal_fd = fd;
	return true;
}

void td_log_open(const char *level, const char *to)
{
	if (level != NULL)
		log_state.level = td_log_level_of(level) < 0 ? log_state.level :
		    (enum td_log_level)td_log_level_of(level);
	if (to == NULL)
		return;
	if (strcmp(to, "json") == 0) {
		log_state.target = TO_JSON;
	} else if (strcmp(to, "stderr") == 0) {
		log_state.target = TO_STDERR;
	} else if (strcmp(to, "journal") == 0 || strcmp(to, "auto") == 0) {
		bool wanted = to[0] == 'j' || stderr_is_journald();

		if (wanted && journal_connect())
			log_state.target = TO_JOURNAL;
		else
			log_state.target = stderr_is_journald() ? TO_STDERR_JOURNALD : TO_STDERR;
	}
}

/* ------------------------------------------------------------------- the line */

struct line {
	char data[LINE_MAX_BYTES];
	size_t size;
};

static void add_char(struct line *line, char c)
{
	if (line->size < sizeof(line->data) - 2) /* room for the end of the line */
		line->data[line->size++] = c;
}

static void add(struct line *line, const char *text)
{
	for (; *text != '\0'; text++)
		add_char(line, *text);
}

/* Escapes for JSON; logfmt's quoted values use the same. */
static void add_escaped(struct line *line, const char *text, size_t size)
{
	static const char hex[] = "0123456789abcdef";

	for (size_t i = 0; i < size; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c == '"' || c == '\\') {
			add_char(line, '\\');
			add_char(line, (char)c);
		} else if (c < 0x20) {
			add(line, "\\u00");
			add_char(line, hex[c >> 4]);
			add_char(line, hex[c & 15]);
		} else {
			add_char(line, (char)c);
		}
	}
}

const char *td_log_quote(const char *text, char *out, size_t cap)
{
	struct line line = {.size = 0};

	add_char(&line, '"');
	add_escaped(&line, text, strnlen(text, cap));
	if (line.size > cap - 2) {
		line.size = cap - 2;
		while (line.size > 1 && ((unsigned char)line.data[line.size] & 0xc0) == 0x80)
			line.size--; /* not in the middle of a character ... */
		if (line.data[line.size - 1] == '\\')
			line.size--; /* ... nor of an escape */
	}
	memcpy(out, line.data, line.size);
	out[line.size] = '"';
	out[line.size + 1] = '\0';
	return out;
}

/*
 * Next "name=value" of a line of pairs; the value without its quotes, escapes
 * as they stand.  False at the end.
 */
static bool pair_next(const char **at, struct tr_bytes *name, struct tr_bytes *value, bool *quoted)
{
	const char *p = *at + strspn(*at, " "), *eq = strchr(p, '='), *end;

	if (eq == NULL)
		return false;
	*name = (struct tr_bytes){(const uint8_t *)p, (size_t)(eq - p)};
	p = eq + 1;
	*quoted = *p == '"';
	if (*quoted) {
		for (end = ++p; *end != '\0' && *end != '"'; end++)
			if (*end == '\\' && end[1] != '\0')
				end++;
		*at = *end == '"' ? end + 1 : end;
	} else {
		end = p + strcspn(p, " ");
		*at = end;
	}
	*value = (struct tr_bytes){(const uint8_t *)p, (size_t)(end - p)};
	return true;
}

static void write_all(const char *data, size_t size)
{
	while (size > 0) {
		ssize_t n = write(STDERR_FILENO, data, size);

		if (n <= 0)
			return; /* a log that nobody takes must not stop the daemon */
		data += n;
		size -= (size_t)n;
	}
}

static void to_stderr(enum td_log_level level, const char *event, const char *pairs)
{
	struct line line = {.size = 0};
	char time[TD_TIME_SIZE];

	if (log_state.target == TO_STDERR_JOURNALD) {
		add_char(&line, '<');
		add_char(&line, (char)('0' + priorities[level]));
		add_char(&line, '>');
	} else {
		td_text_write_time(td_sys_wall().ms, time);
		add(&line, time);
		add_char(&line, ' ');
		add(&line, level_names[level]);
		add_char(&line, ' ');
	}
	add(&line, event);
	if (pairs[0] != '\0')
		add_char(&line, ' ');
	add(&line, pairs);
	line.data[line.size++] = '\n';
	write_all(line.data, line.size);
}

static void to_json(enum td_log_level level, const char *event, const char *pairs)
{
	struct line line = {.size = 0};
	struct tr_bytes name, value;
	char time[TD_TIME_SIZE];
	bool quoted;

	td_text_write_time(td_sys_wall().ms, time);
	add(&line, "{\"time\":\"");
	add(&line, time);
	add(&line, "\",\"level\":\"");
	add(&line, level_names[level]);
	add(&line, "\",\"event\":\"");
	add(&line, event);
	add_char(&line, '"');
	while (pair_next(&pairs, &name, &value, &quoted)) {
		if (line.size + name.size + 2 * value.size + 8 > sizeof(line.data))
			break; /* whole pairs only: the line stays JSON */
		add(&line, ",\"");
		add_escaped(&line, (const char *)name.data, name.size);
		add(&line, "\":\"");
		for (size_t i = 0; i < value.size; i++)
			if (quoted)
				add_char(&line, (char)value.data[i]);
			else
				add_escaped(&line, (const char *)value.data + i, 1);
		add_char(&line, '"');
	}
	add(&line, "}\n");
	write_all(line.data, line.size);
}

static void to_journal(enum td_log_level level, const char *event, const char *pairs)
{
	struct line line = {.size = 0};
	struct tr_bytes name, value;
	const char *at = pairs;
	bool quoted;

	add(&line, "SYSLOG_IDENTIFIER=terraced\nPRIORITY=");
	add_char(&line, (char)('0' + priorities[level]));
	add(&line, "\nTERRACE_EVENT=");
	add(&line, event);
	while (pair_next(&at, &name, &value, &quoted)) {
		add(&line, "\nTERRACE_");
		for (size_t i = 0; i < name.size; i++)
			add_char(&line, (char)(name.data[i] >= 'a' && name.data[i] <= 'z' ?
			    name.data[i] - 'a' + 'A' : name.data[i]));
		add_char(&line, '=');
		for (size_t i = 0; i < value.size; i++)
			add_char(&line, (char)value.data[i]);
	}
	add(&line, "\nMESSAGE=");
	add(&line, event);
	add_char(&line, ' ');
	add(&line, pairs);
	line.data[line.size++] = '\n';
	if (send(log_state.journal_fd, line.data, line.size, MSG_NOSIGNAL) < 0)
		to_stderr(level, event, pairs);
}

static void emit(enum td_log_level level, const char *event, const char *pairs)
{
	if (log_state.target == TO_JOURNAL)
		to_journal(level, event, pairs);
	else if (log_state.target == TO_JSON)
		to_json(level, event, pairs);
	else
		to_stderr(level, event, pairs);
}

/* -------------------------------------------------------------------- folding */

static void fold_end(struct fold *fold)
{
	char pairs[sizeof(fold->pairs) + 32];

	if (fold->first_ms != 0 && fold->repeated > 0) {
		snprintf(pairs, sizeof(pairs), "%s%srepeated=%u", fold->pairs,
		    fold->pairs[0] != '\0' ? " " : "", fold->repeated);
		emit(fold->level, fold->event, pairs);
	}
	fold->first_ms = 0;
	fold->repeated = 0;
}

/* True if the line was written lately and is only counted now. */
static bool fold_take(enum td_log_level level, const char *event, const char *pairs)
{
	int64_t now = td_sys_mono().ms;
	struct fold *fold;

	if (strlen(event) >= sizeof(fold->event) || strlen(pairs) >= sizeof(fold->pairs))
		return false;
	for (size_t i = 0; i < FOLD_SLOTS; i++) {
		fold = &log_state.folds[i];
		if (fold->first_ms == 0 || strcmp(fold->event, event) != 0 ||
		    strcmp(fold->pairs, pairs) != 0)
			continue;
		if (now - fold->first_ms < FOLD_MS) {
			fold->repeated++;
			return true;
		}
		fold_end(fold);
	}
	fold = &log_state.folds[log_state.next_fold++ % FOLD_SLOTS];
	fold_end(fold);
	fold->level = level;
	strcpy(fold->event, event);
	strcpy(fold->pairs, pairs);
	fold->first_ms = now > 0 ? now : 1;
	return false;
}

void td_log_tick(void)
{
	int64_t now = td_sys_mono().ms;

	for (size_t i = 0; i < FOLD_SLOTS; i++)
		if (log_state.folds[i].first_ms != 0 && now - log_state.folds[i].first_ms >= FOLD_MS)
			fold_end(&log_state.folds[i]);
}

void td_log_flush(void)
{
	for (size_t i = 0; i < FOLD_SLOTS; i++)
		fold_end(&log_state.folds[i]);
}

void td_log(enum td_log_level level, const char *event, const char *pairs, ...)
{
	char text[LINE_MAX_BYTES - 200];
	va_list ap;

	if (level > log_state.level)
		return;
	va_start(ap, pairs);
	vsnprintf(text, sizeof(text), pairs, ap);
	va_end(ap);
	for (char *p = text; *p != '\0'; p++)
		if ((unsigned char)*p < 0x20)
			*p = ' '; /* one event, one line */
	td_text_clean(text);
	if (!fold_take(level, event, text))
		emit(level, event, text);
}
