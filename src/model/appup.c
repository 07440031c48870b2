/* SPDX-License-Identifier: Apache-2.0
 * appup.yaml, and the search for the entry of a version.
 */
#include "config.h"

#include <regex.h>
#include <stddef.h>
#include <string.h>

#include "model/model_priv.h"

#define MATCHING_MAX   200
#define MATCHING_DEPTH 4

/* At the ] that ends a bracket expression, or at the end of the text.  A ] that comes first, also after ^,
 * is one of its characters. */
static const char *
bracket_end(const char *re)
{
	re += re[1] == '^' ? 2 : 1;
	if (*re == ']')
		re++;
	while (*re != '\0' && *re != ']') {
		const char *end = NULL;
		if (*re == '[' && re[1] != '\0' && strchr(":.=", re[1]) != NULL)
			end = strchr(re + 2, re[1]);
		re = end != NULL && end[1] == ']' ? end + 2 : re + 1;
	}
	return re;
}

/* Why an expression is too dear, or none of POSIX: {n,m} (memory by its numbers), \1 (backtracking), and,
 * as glibc's + holds twice what it repeats, one repetition upon another, directly or by many parentheses.
 * NULL: it is neither, or regcomp refuses it. */
static const char *
what_is_dear(const char *re)
{
	int depth = 0;
	bool repeated = false;
	for (; *re != '\0'; re++) {
		bool repeats = strchr("*+?", *re) != NULL;
		if (*re == '{' || (*re == '\\' && re[1] >= '0' && re[1] <= '9'))
			return "has a {…} or a back-reference";
		if (repeats && repeated)
			return "repeats a repetition";
		if (*re == '(' && ++depth > MATCHING_DEPTH)
			return "has too many parentheses in one another";
		depth -= *re == ')';
		if (*re == '[')
			re = bracket_end(re);
		else if (*re == '\\')
			re++;
		if (*re == '\0')
			break;
		repeated = repeats;
	}
	return NULL;
}

/* Alone first: `a)|(b` is one expression only between the anchors' parentheses. */
static bool
compile(const char *re, regex_t *ret)
{
	char anchored[MATCHING_MAX + 8];
	size_t n = strlen(re);
	MUST(n <= MATCHING_MAX);
	if (regcomp(ret, re, REG_EXTENDED | REG_NOSUB) != 0)
		return false;
	regfree(ret);
	anchored[0] = '^';
	anchored[1] = '(';
	memcpy(anchored + 2, re, n);
	memcpy(anchored + 2 + n, ")$", 3);
	return regcomp(ret, anchored, REG_EXTENDED | REG_NOSUB) == 0;
}

static void
decode_matching(struct model_dec *d, const struct doc_node *n, void *out,
    const struct model_field *f)
{
	regex_t re;
	const char *s = model_dec_text(d, n, f->key), *dear;
	if (s == NULL)
		return;
	if (strlen(s) > MATCHING_MAX) {
		doc_problem(d->p, &n->pos, REL_E_BAD_VALUE, "%s: more than %d bytes", f->key,
		    MATCHING_MAX);
	} else if ((dear = what_is_dear(s)) != NULL) {
		doc_problem(d->p, &n->pos, REL_E_BAD_VALUE, "%s: '%s' %s", f->key, s, dear);
		doc_problem_hint(d->p, "write the repetition out, or use one + or *");
	} else if (!compile(s, &re)) {
		doc_problem(d->p, &n->pos, REL_E_BAD_VALUE,
		    "%s: '%s' is not a POSIX extended regular expression", f->key, s);
	} else {
		regfree(&re);
		*(const char **)out = s;
	}
}

static const struct model_kind kind_matching = {decode_matching, NULL};

static const struct model_field other_fields[] = {
    {.key = "matching", .kind = &kind_matching,
	.offset = offsetof(struct model_appup_entry, matching), .flags = MODEL_REQUIRED},
};

/* from: and to: are a version, or a map with an expression. */
static void
decode_other(struct model_dec *d, const struct doc_node *n, void *out, const struct model_field *f)
{
	struct model_appup_entry *e = out;
	if (n->kind == DOC_MAP)
		model_dec_map(d, n, f->key, MODEL_FIELDS(other_fields), e);
	else
		e->exact = model_dec_version(d, n, f->key);
}

static const struct model_kind kind_other = {decode_other, NULL};

/* ------------------------------------------------------------------ waive: */
static const struct model_field waiver_fields[] = {
    {.key = "module", .kind = &model_kind_name, .offset = offsetof(struct model_waiver, module)},
    {.key = "child", .kind = &model_kind_name, .offset = offsetof(struct model_waiver, child)},
    {.key = "depends", .kind = &model_kind_name, .offset = offsetof(struct model_waiver, depends)},
    {.key = "application", .kind = &model_kind_name,
	.offset = offsetof(struct model_waiver, application)},
    {.key = "reason", .kind = &model_kind_text, .offset = offsetof(struct model_waiver, reason),
	.flags = MODEL_REQUIRED},
};

static void
decode_waiver(struct model_dec *d, const struct doc_node *n, void *out)
{
	struct model_waiver *w = out;
	static const char *const about[] = {"module", "child", "depends", "application"};
	size_t named = 0;
	w->pos = n->pos;
	if (!model_dec_map(d, n, "a waiver", MODEL_FIELDS(waiver_fields), w))
		return;
	for (size_t i = 0; i < NELEM(about); i++)
		named += doc_get(n, about[i]) != NULL; /* one that is refused was told already */
	if (named != 1)
		doc_problem(d->p, &n->pos, REL_E_BAD_VALUE,
		    "a waiver names one of module, child, depends, application");
}

static void
decode_waivers(struct model_dec *d, const struct doc_node *n, void *out, const struct model_field *f)
{
	struct model_appup_entry *e = out;
	void *list = NULL;
	model_dec_list(d, n, f->key, sizeof(struct model_waiver), decode_waiver, &list, &e->waiver_count);
	e->waivers = list;
}

static const struct model_kind kind_waivers = {decode_waivers, NULL};

/* ------------------------------------------------------------------ entries */
#define ENTRY(other)                                                                               \
	{.key = (other), .kind = &kind_other, .flags = MODEL_REQUIRED},                            \
	{.key = "instructions", .kind = &model_kind_script_high,                                   \
	    .offset = offsetof(struct model_appup_entry, script), .flags = MODEL_REQUIRED},        \
	{.key = "waive", .kind = &kind_waivers}

static const struct model_field up_fields[] = {ENTRY("from")};
static const struct model_field down_fields[] = {ENTRY("to")};

static void
decode_up(struct model_dec *d, const struct doc_node *n, void *out)
{
	struct model_appup_entry *e = out;
	e->pos = n->pos;
	e->script.mode = MODEL_UP;
	model_dec_map(d, n, "an entry of up", MODEL_FIELDS(up_fields), e);
}

static void
decode_down(struct model_dec *d, const struct doc_node *n, void *out)
{
	struct model_appup_entry *e = out;
	e->pos = n->pos;
	e->script.mode = MODEL_DOWN;
	model_dec_map(d, n, "an entry of down", MODEL_FIELDS(down_fields), e);
}

static void
decode_ups(struct model_dec *d, const struct doc_node *n, void *out, const struct model_field *f)
{
	struct model_appup *a = out;
	void *list = NULL;
	model_dec_list(d, n, f->key, sizeof(struct model_appup_entry), decode_up, &list,
	    &a->up_count);
	a->up = list;
}

static void
decode_downs(struct model_dec *d, const struct doc_node *n, void *out, const struct model_field *f)
{
	struct model_appup *a = out;
	void *list = NULL;
	model_dec_list(d, n, f->key, sizeof(struct model_appup_entry), decode_down, &list,
	    &a->down_count);
	a->down = list;
}

static const struct model_kind kind_ups = {decode_ups, NULL};
static const struct model_kind kind_downs = {decode_downs, NULL};

static const struct model_field appup_fields[] = {
    {.key = "application", .kind = &model_kind_name,
	.offset = offsetof(struct model_appup, application), .flags = MODEL_REQUIRED},
    {.key = "version", .kind = &model_kind_version, .offset = offsetof(struct model_appup, version),
	.flags = MODEL_REQUIRED},
    {.key = "up", .kind = &kind_ups},
    {.key = "down", .kind = &kind_downs},
};

int
model_appup_decode(struct doc *doc, struct model_appup **ret, struct doc_problems *p)
{
	struct model_dec d;
	size_t before = p->errors;
	struct model_appup *a = model_dec_begin(&d, doc, p, sizeof(*a));
	if (a != NULL) {
		a->doc = doc;
		model_dec_map(&d, doc->root, "an appup", MODEL_FIELDS(appup_fields), a);
	}
	if (p->errors != before || doc->faulty) {
		doc_free(&doc);
		return -1;
	}
	*ret = a;
	return 0;
}

void
model_appup_free(struct model_appup **ap)
{
	struct model_appup *a = *ap;
	*ap = NULL;
	if (a == NULL)
		return;
	struct doc *doc = a->doc; /* the appup lies in it */
	doc_free(&doc);
}

static bool
fits(const struct model_appup_entry *e, const char *version)
{
	regex_t re;
	if (e->exact != NULL)
		return strcmp(e->exact, version) == 0;
	if (!compile(e->matching, &re))
		return false;
	bool hit = regexec(&re, version, 0, NULL, 0) == 0;
	regfree(&re);
	return hit;
}

const struct model_appup_entry *
model_appup_find(const struct model_appup_entry *entries, size_t count, const char *version)
{
	for (size_t i = 0; i < count; i++)
		if (fits(&entries[i], version))
			return &entries[i];
	return NULL;
}
