/* SPDX-License-Identifier: Apache-2.0
 * Texts of others in buffers of ours.
 */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stddef.h>

/* As much of `text` as fits, never a part of a UTF-8 character; size > 0. */
void rel_text_copy(char *buf, size_t size, const char *text);

#endif
