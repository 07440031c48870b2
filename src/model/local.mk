# SPDX-License-Identifier: Apache-2.0
noinst_LTLIBRARIES += src/model/librelmodel.la
src_model_librelmodel_la_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
src_model_librelmodel_la_SOURCES = \
	src/model/app.c \
	src/model/appup.c \
	src/model/decode.c \
	src/model/enums.c \
	src/model/instr.c \
	src/model/kind.c \
	src/model/listen.c \
	src/model/load.c \
	src/model/model.h src/model/model_priv.h src/model/op_tbl.h \
	src/model/order.c \
	src/model/release.c \
	src/model/relup.c \
	src/model/script_check.c \
	src/model/sup.c \
	src/model/system.c src/model/system_priv.h
