/* SPDX-License-Identifier: Apache-2.0
 * Shortest reals: see real.h.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "doc/real.h"

/* What a locale of the program may have put in. */
static void
point_for_comma(char *s)
{
	char *c = strchr(s, ',');
	if (c != NULL)
		*c = '.';
}

/* The fewest significant digits that read back as v.  strtod() reads in the locale that snprintf()
 * wrote in. */
static int
digits_needed(double v, char buf[static DOC_REAL_SIZE])
{
	int digits = 1;
	for (; digits < 17; digits++) {
		snprintf(buf, DOC_REAL_SIZE, "%.*e", digits - 1, v);
		if (strtod(buf, NULL) == v)
			return digits;
	}
	snprintf(buf, DOC_REAL_SIZE, "%.*e", digits - 1, v);
	return digits;
}

/* e+05 → e5: no sign of plus, no zeros in front. */
static void
trim_exponent(char *e)
{
	char *to = e + 1, *from = e + 1;
	if (*from == '-')
		to++;
	from += strspn(from, "+-0");
	memmove(to, from, strlen(from) + 1);
}

void
doc_real_print(double v, char buf[static DOC_REAL_SIZE])
{
	int digits = digits_needed(v, buf);
	char *e = strchr(buf, 'e');
	int exponent = e != NULL ? atoi(e + 1) : 0;
	if (e != NULL && exponent >= -5 && exponent < 16) {
		int decimals = digits - 1 - exponent;
		snprintf(buf, DOC_REAL_SIZE, "%.*f", decimals > 0 ? decimals : 0, v);
	} else if (e != NULL) {
		trim_exponent(e);
	}
	point_for_comma(buf);
	if (strpbrk(buf, ".e") == NULL)
		strcat(buf, ".0");
}
