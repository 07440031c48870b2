/* SPDX-License-Identifier: Apache-2.0
 * The folders of a root: X(IDENTIFIER, name, mode).  run and state are closed to others, because
 * who can write there speaks for relupd.
 */
X(OBJECTS, "objects", 0755)
X(LIB, "lib", 0755)
X(RELEASES, "releases", 0755)
X(STATE, "state", 0700)
X(RUN, "run", 0700)
X(LOG, "log", 0755)
