/* SPDX-License-Identifier: Apache-2.0
 * Texts of others in buffers of ours.
 */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stddef.h>

/* As much of `text` as fits, never a part of a UTF-8 character; size > 0. */
void rel_text_copy(char *buf, size_t size, const char *text);

/* The length of the UTF-8 sequence at `text` (RFC 3629: no overlong form, no surrogate, nothing above
 * U+10FFFF; NUL is none), of which `left` bytes may be read; 0: it is none. */
size_t rel_utf8_len(const char *text, size_t left);

#endif
