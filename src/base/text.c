/* SPDX-License-Identifier: Apache-2.0
 * See text.h.  Half a character at the end would make the whole text none for JSON.
 */
#include "config.h"

#include <string.h>

#include "base/mem.h"
#include "base/must.h"
#include "base/text.h"

void
rel_text_copy(char *buf, size_t size, const char *text)
{
	MUST(size > 0);
	size_t n = strnlen(text, size);
	if (n == size)
		for (n--; n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80; n--)
			continue;
	memmove(buf, text, n);
	buf[n] = '\0';
}

size_t
rel_utf8_len(const char *text, size_t left)
{
	const unsigned char *s = (const unsigned char *)text;
	static const struct {
		unsigned char first, last, low, high; /* of the lead byte; of the one after it */
		size_t len;
	} forms[] = {
	    {0x01, 0x7f, 0, 0, 1},
	    {0xc2, 0xdf, 0x80, 0xbf, 2},
	    {0xe0, 0xe0, 0xa0, 0xbf, 3},
	    {0xe1, 0xec, 0x80, 0xbf, 3},
	    {0xed, 0xed, 0x80, 0x9f, 3},
	    {0xee, 0xef, 0x80, 0xbf, 3},
	    {0xf0, 0xf0, 0x90, 0xbf, 4},
	    {0xf1, 0xf3, 0x80, 0xbf, 4},
	    {0xf4, 0xf4, 0x80, 0x8f, 4},
	};
	for (size_t i = 0; i < NELEM(forms); i++) {
		if (s[0] < forms[i].first || s[0] > forms[i].last)
			continue;
		size_t n = forms[i].len;
		if (n > left || (n > 1 && (s[1] < forms[i].low || s[1] > forms[i].high)))
			return 0;
		for (size_t k = 2; k < n; k++)
			if ((s[k] & 0xc0) != 0x80)
				return 0;
		return n;
	}
	return 0;
}
