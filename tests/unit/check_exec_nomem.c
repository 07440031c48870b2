/* SPDX-License-Identifier: Apache-2.0
 * exec_compile() and exec_new(): the first, second, third … allocation fails, until none is left to
 * fail.  Each time the answer is out of memory, everything handed over is freed (seen by ASan), and
 * the one after that succeeds.  The linker puts the functions below in front of the allocator.
 */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "exec/exec.h"

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);

static bool armed, failed;
static long left; /* allocations until the one that fails */

static bool
fails(void)
{
	if (!armed || left-- > 0)
		return false;
	failed = true;
	return left == -1; /* this one only: later ones meet the half-built state */
}

void *
__wrap_malloc(size_t n)
{
	return fails() ? NULL : __real_malloc(n);
}

void *
__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : __real_calloc(n, size);
}

void *
__wrap_realloc(void *p, size_t n)
{
	return fails() ? NULL : __real_realloc(p, n);
}

static const char text[] =
    "{\"release\":\"r\",\"version\":\"2\",\"up\":[{\"from\":\"1\",\"instructions\":["
    "{\"load_object_code\":{\"application\":\"a\",\"version\":\"2\",\"modules\":[\"m\",\"n\"]}},"
    "\"point_of_no_return\",{\"suspend\":[{\"module\":\"m\"}]},{\"load\":{\"module\":\"m\"}},"
    "{\"code_change\":{\"mode\":\"up\",\"modules\":[{\"module\":\"m\",\"extra\":{\"k\":[1,\"x\"]}}]}},"
    "{\"resume\":[\"m\"]},{\"load\":{\"module\":\"n\"}}]}],"
    "\"down\":[{\"to\":\"1\",\"instructions\":[\"point_of_no_return\","
    "{\"suspend\":[{\"module\":\"m\"}]},{\"code_change\":{\"mode\":\"down\",\"modules\":["
    "{\"module\":\"m\",\"extra\":[2]}]}},{\"resume\":[\"m\"]}]}]}";

static struct model_relup *
relup(void)
{
	struct doc *d;
	struct model_relup *r;
	struct rel_err err = REL_ERR_INIT;
	struct doc_problems p = DOC_PROBLEMS_INIT;
	ck_assert_int_eq(doc_read_text(text, sizeof(text) - 1, "r", &doc_limits_generated, &d, &err), 0);
	ck_assert_int_eq(model_relup_decode(d, &r, &p), 0);
	doc_problems_fini(&p);
	return r;
}

/* True: an allocation failed, and was answered as it must be. */
static bool
compile_failing(const struct model_relup *r, long nth, struct exec_script **ret)
{
	struct rel_err err = REL_ERR_INIT;
	*ret = NULL;
	failed = false;
	left = nth;
	armed = true;
	int rc = exec_compile(&r->up[0].script, &r->down[0].script, ret, &err);
	armed = false;
	ck_assert_int_eq(rc, failed ? -1 : 0);
	ck_assert(failed == (err.code == REL_E_NOMEM) && failed == (*ret == NULL));
	return failed;
}

START_TEST(compile)
{
	struct model_relup *r = relup();
	struct exec_script *s;
	long nth = 0;
	while (compile_failing(r, nth, &s))
		nth++;
	ck_assert_int_gt(nth, 5);
	ck_assert_uint_eq(s->step_count, 2);
	exec_script_free(&s);
	model_relup_free(&r);
}
END_TEST

static struct exec_worker *
workers(size_t steps)
{
	struct exec_worker *w = calloc(3, sizeof(*w));
	for (size_t i = 0; i < 3; i++)
		w[i] = (struct exec_worker){.name = "w", .concerned = calloc(steps, sizeof(bool))};
	w[2].committed = calloc(steps, sizeof(bool)); /* as in a recovery */
	return w;
}

START_TEST(create)
{
	static const struct exec_ops ops;
	const struct exec_options opt = {.operation = 1, .from = "1", .to = "2"};
	struct model_relup *r = relup();
	long nth = 0;
	for (failed = true; failed; nth++) {
		struct exec_script *s;
		struct exec *x = NULL;
		struct rel_err err = REL_ERR_INIT;
		ck_assert(!compile_failing(r, 1L << 40, &s));
		struct exec_worker *w = workers(s->step_count);
		left = nth;
		armed = true;
		int rc = exec_new(&ops, NULL, &opt, s, w, 3, &x, &err);
		armed = false;
		ck_assert_int_eq(rc, failed ? -1 : 0);
		ck_assert(failed == (err.code == REL_E_NOMEM) && failed == (x == NULL));
		exec_free(&x);
	}
	ck_assert_int_gt(nth, 4);
	model_relup_free(&r);
}
END_TEST

int
main(void)
{
	json_set_alloc_funcs(__wrap_malloc, free);
	Suite *s = suite_create("exec_nomem");
	TCase *t = tcase_create("nomem");
	suite_add_tcase(s, t);
	tcase_add_test(t, compile);
	tcase_add_test(t, create);
	SRunner *sr = srunner_create(s);
	srunner_run_all(sr, CK_ENV);
	int n = srunner_ntests_failed(sr);
	srunner_free(sr);
	return n == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
