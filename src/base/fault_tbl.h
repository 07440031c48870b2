/* SPDX-License-Identifier: Apache-2.0
 * The named fault points: X(NAME, where it is).  A point is inert unless the build has
 * --enable-faults and RELUP_FAULT=NAME:NTH:KIND arms it (KIND: error, kill).  The crash sweep
 * reads this table, so a new point is covered at once.
 */
X(FILE_WRITE, "a file is about to be written")
X(FILE_FSYNC, "a file is about to be synced")
X(STORE_INTENT, "the intent of an operation is about to be recorded")
X(STORE_STEP, "a step of an operation is about to be recorded")
X(STORE_UNDO, "the first undo step is about to be recorded")
X(STORE_OUTCOME, "the outcome of an operation is about to be recorded")
X(EXEC_REHEARSED, "all rehearsals ended well")
X(EXEC_PREPARED, "all workers hold the new code")
X(EXEC_BRACKET_SENT, "a bracket went out to its workers")
X(EXEC_DECIDE, "the decision word is about to be set")
X(EXEC_DECIDED, "the decision word is set and nobody was woken")
X(EXEC_BRACKET_DONE, "all workers of a bracket reported")
X(EXEC_OUTCOME, "the outcome is recorded, the client does not know yet")
