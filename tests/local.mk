# SPDX-License-Identifier: Apache-2.0
include tests/unit/base.mk
include tests/unit/doc.mk
include tests/unit/model.mk
include tests/unit/plan.mk
include tests/unit/proto.mk
include tests/unit/store.mk
include tests/unit/elf.mk
include tests/unit/exec.mk
include tests/unit/sup.mk
include tests/unit/worker.mk
include tests/modules/local.mk
include tests/scenario/local.mk
include tests/crash/local.mk
include tests/lint/local.mk
include tests/man/local.mk
