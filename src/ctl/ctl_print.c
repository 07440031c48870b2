/* SPDX-License-Identifier: Apache-2.0
 * How relctl says things: errors (text on stderr, or one JSON object on stdout), JSON data, notes.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "ctl/ctl.h"
#include "proto/proto.h"

/* ------------------------------------------------------------------ texts of others */
/* C0, DEL, and C1 in its two bytes. */
static bool
is_control(const unsigned char *s)
{
	return s[0] < 0x20 || s[0] == 0x7f || (s[0] == 0xc2 && s[1] < 0xa0);
}

char *
ctl_plain(const char *text)
{
	size_t left = strlen(text), n;
	char *out = malloc(4 * left + 1), *to = out;
	for (; out != NULL && left > 0; text += n, left -= n) {
		const unsigned char *s = (const unsigned char *)text;
		n = rel_utf8_len(text, left);
		if (n > 0 && !is_control(s)) {
			memcpy(to, s, n);
			to += n;
		} else if (n == 2)
			to += sprintf(to, "\\u00%02x", s[1]);
		else {
			to += sprintf(to, "\\x%02x", s[0]);
			n = 1;
		}
	}
	if (out != NULL)
		*to = '\0';
	return out;
}

void
ctl_put(FILE *f, const char *text)
{
	CLEANUP(rel_free_cleanup) char *plain = ctl_plain(text);
	fputs(plain != NULL ? plain : "(out of memory)", f);
}

int
ctl_json_plain(json_t *v)
{
	int rc = 0;
	size_t i;
	const char *key;
	json_t *part;
	if (json_is_string(v)) {
		CLEANUP(rel_free_cleanup) char *plain = ctl_plain(json_string_value(v));
		return plain != NULL ? json_string_set(v, plain) : -1;
	}
	json_array_foreach (v, i, part)
		rc |= ctl_json_plain(part);
	json_object_foreach (v, key, part)
		rc |= ctl_json_plain(part);
	return rc;
}

/* ------------------------------------------------------------------ text */
void
ctl_put_place(FILE *f, const struct rel_err *e)
{
	if (e->file[0] == '\0')
		return;
	ctl_put(f, e->file);
	fputc(':', f);
	if (e->line != 0)
		fprintf(f, "%u:%u:", e->line, e->column);
	fputc(' ', f);
}

static void
text_problem(struct ctl *c, enum doc_severity severity, const struct rel_err *e)
{
	const char *word = severity == DOC_ERROR ? "error" : "warning";
	const char *on = !c->color ? "" : severity == DOC_ERROR ? "\033[1;31m" : "\033[1;33m";
	fprintf(c->err, "relctl: %s%s:%s ", on, word, c->color ? "\033[0m" : "");
	ctl_put_place(c->err, e);
	ctl_put(c->err, e->text);
	fputc('\n', c->err);
}

void
ctl_hint(const struct ctl *c, const char *hint, char *buf, size_t size)
{
	const char *at = c->socket == NULL ? strstr(hint, "ROOT/") : NULL;
	if (at == NULL)
		snprintf(buf, size, "%s", hint);
	else
		snprintf(buf, size, "%.*s%s%s", (int)(at - hint), hint, c->root, at + strlen("ROOT"));
}

static void
text_hint(struct ctl *c, const struct rel_err *e)
{
	char hint[sizeof(e->hint) + 4200];
	ctl_hint(c, rel_err_hint_of(e), hint, sizeof(hint));
	if (c->quiet || hint[0] == '\0')
		return;
	fputs("hint: ", c->err);
	ctl_put(c->err, hint);
	fputc('\n', c->err);
}

const char *
ctl_us(char *buf, size_t size, int64_t us)
{
	if (us < 10000)
		snprintf(buf, size, "%" PRId64 " us", us);
	else if (us < 10000000)
		snprintf(buf, size, "%" PRId64 " ms", us / 1000);
	else
		snprintf(buf, size, "%" PRId64 " s", us / 1000000);
	return buf;
}

/* ------------------------------------------------------------------ JSON */
/* Without memory even for saying so, this text is what is left. */
static void
json_out(struct ctl *c, json_t *v)
{
	char *text = v != NULL ? doc_json_pretty(v) : NULL;
	fputs(text != NULL ? text
			   : "{\"error\":{\"code\":\"out_of_memory\",\"message\":\"out of "
			     "memory\"}}\n",
	    c->out);
	free(text);
	json_decref(v);
}

int
ctl_json(struct ctl *c, json_t *v)
{
	int status = v != NULL ? 0 : rel_err_exit(REL_E_NOMEM);
	json_out(c, v);
	return status;
}

/* ------------------------------------------------------------------ one error, many problems */
int
ctl_error(struct ctl *c, const struct rel_err *err)
{
	if (c->format == CTL_JSON) {
		struct rel_err told = *err;
		ctl_hint(c, rel_err_hint_of(err), told.hint, sizeof(told.hint));
		json_t *o = json_object(), *e = proto_err_json(&told);
		json_out(c, json_object_set_new(o, "error", e) == 0 ? o : (json_decref(o), NULL));
	} else {
		text_problem(c, DOC_ERROR, err);
		text_hint(c, err);
	}
	return rel_err_exit(err->code);
}

static const struct rel_err *
first_error(const struct doc_problems *p)
{
	static const struct rel_err lost = {.code = REL_E_NOMEM, .text = "out of memory"};
	for (size_t i = 0; i < p->count; i++)
		if (p->list[i].severity == DOC_ERROR)
			return &p->list[i].err;
	return p->errors > 0 ? &lost : NULL;
}

/* The contract's "error" is the first; "problems" lists all of them. */
static void
json_problems(struct ctl *c, const struct doc_problems *p, const struct rel_err *first)
{
	json_t *o = json_object(), *list = json_array();
	int rc = json_object_set_new(o, "error", proto_err_json(first));
	for (size_t i = 0; i < p->count; i++)
		if (p->list[i].severity == DOC_ERROR)
			rc |= json_array_append_new(list, proto_err_json(&p->list[i].err));
	rc |= json_object_set_new(o, "problems", list);
	if (rc != 0) {
		json_decref(o);
		o = NULL;
	}
	json_out(c, o);
}

/* A hint that the next line would repeat waits for that one. */
static void
text_problems(struct ctl *c, const struct doc_problems *p)
{
	for (size_t i = 0; i < p->count; i++) {
		const struct doc_problem *d = &p->list[i];
		const char *next = i + 1 < p->count ? rel_err_hint_of(&p->list[i + 1].err) : "";
		if (d->severity == DOC_WARNING && c->quiet)
			continue;
		text_problem(c, d->severity, &d->err);
		if (strcmp(next, rel_err_hint_of(&d->err)) != 0)
			text_hint(c, &d->err);
	}
	if (p->dropped > 0)
		fprintf(c->err, "relctl: and %zu more\n", p->dropped);
}

int
ctl_problems(struct ctl *c, const struct doc_problems *p)
{
	const struct rel_err *first = first_error(p);
	if (first == NULL || c->format == CTL_TEXT)
		text_problems(c, p);
	else if (p->errors == 1)
		ctl_error(c, first);
	else
		json_problems(c, p, first);
	return first == NULL ? 0 : rel_err_exit(first->code);
}

int
ctl_out_file(const char *path, const char *text, struct rel_err *err)
{
	struct stat st;
	if (stat(path, &st) != 0 || S_ISREG(st.st_mode) || S_ISDIR(st.st_mode))
		return rel_file_replace(AT_FDCWD, path, text, strlen(text), 0644, true, err);
	CLEANUP(rel_fd_close) int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0 || rel_fd_write_all(fd, text, strlen(text)) != 0)
		return rel_err_sys(err, REL_E_IO, errno, "cannot write %s", path);
	return 0;
}

void
ctl_note(struct ctl *c, const char *fmt, ...)
{
	if (c->quiet)
		return;
	va_list ap;
	char text[8192];
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	fputs("relctl: ", c->err);
	ctl_put(c->err, text);
	fputc('\n', c->err);
}
