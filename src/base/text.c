/* SPDX-License-Identifier: Apache-2.0
 * See text.h.  Half a character at the end would make the whole text none for JSON.
 */
#include "config.h"

#include <string.h>

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
