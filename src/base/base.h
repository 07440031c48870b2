/* SPDX-License-Identifier: Apache-2.0
 * base: what every other folder stands on.  One header a subject; this one takes them all.
 * Nothing here logs, blocks on a network, or ends the process (but a failed MUST).
 */
#ifndef BASE_BASE_H
#define BASE_BASE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/fault.h"
#include "base/file.h"
#include "base/index.h"
#include "base/mem.h"
#include "base/must.h"
#include "base/name.h"
#include "base/process.h"
#include "base/text.h"
#include "base/time.h"

#endif
