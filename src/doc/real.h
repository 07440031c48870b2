/* SPDX-License-Identifier: Apache-2.0
 * One text for a real number, used by the printer and by the rule "stays text when it does not
 * print back the same".
 */
#ifndef DOC_REAL_H
#define DOC_REAL_H

#define DOC_REAL_SIZE 64

/* The fewest digits that read back as the same finite number; a fraction or exponent is always
 * there, so that it reads back as a real.  No locale is asked. */
void doc_real_print(double v, char buf[static DOC_REAL_SIZE]);

#endif
