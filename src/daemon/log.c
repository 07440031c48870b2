/* SPDX-License-Identifier: Apache-2.0
 * Log lines.  One error is logged once, by the one who stops passing it on.
 */
#include "config.h"

#include <stdarg.h>
#include <string.h>

#include "daemon/daemon.h"

/* Under systemd the priority is a prefix; texts from elsewhere cannot break the line. */
static const char *
prefix_of(const char *level)
{
	static const struct {
		const char *level, *prefix;
	} t[] = {{"error", "<3>"}, {"warning", "<4>"}, {"notice", "<5>"}, {"debug", "<7>"}};
	for (size_t i = 0; i < NELEM(t); i++)
		if (strcmp(level, t[i].level) == 0)
			return t[i].prefix;
	return "<6>";
}

static void
one_line(char *text)
{
	for (char *p = text; *p != '\0'; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = ' ';
}

static void
log_placed(struct daemon *d, const char *who, const char *words, const struct rel_err *err)
{
	char at[320] = "";
	if (err->file[0] != '\0' && err->line > 0)
		snprintf(at, sizeof(at), "%s:%u:%u: ", err->file, err->line, err->column);
	else if (err->file[0] != '\0')
		snprintf(at, sizeof(at), "%s: ", err->file);
	daemon_log(d, "error", who, "%s%s%s", words, at, err->text);
}

void
daemon_log_error(struct daemon *d, const char *who, const char *words, const struct doc_problems *p,
    const struct rel_err *err)
{
	if (p == NULL || p->errors < 2 || p->count == 0) {
		log_placed(d, who, words, err);
		return;
	}
	for (size_t i = 0; i < p->count; i++)
		if (p->list[i].severity == DOC_ERROR)
			log_placed(d, who, words, &p->list[i].err);
	if (p->dropped > 0)
		daemon_log(d, "error", who, "%sand %zu more", words, p->dropped);
}

void
daemon_log(struct daemon *d, const char *level, const char *who, const char *fmt, ...)
{
	char text[1024], name[200], at[32];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	one_line(text);
	/* A process that is turned away is logged under the name that it gave itself. */
	snprintf(name, sizeof(name), "%s", who);
	one_line(name);
	FILE *f = d->log != NULL ? d->log : stderr;
	if (getenv("JOURNAL_STREAM") != NULL)
		fprintf(f, "%s%s: %s\n", prefix_of(level), name, text);
	else
		fprintf(f, "%s %s %s: %s\n", rel_wall_print(rel_wall_now(), at, sizeof(at)), level, name,
		    text);
	fflush(f);
}
