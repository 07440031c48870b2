# SPDX-License-Identifier: Apache-2.0
# Each stands alone: an editor that is given one file needs no other.
dist_schema_DATA += \
	relup-schema/app.schema.json \
	relup-schema/appup.schema.json \
	relup-schema/config.schema.json \
	relup-schema/release.schema.json \
	relup-schema/relup.schema.json \
	relup-schema/relupd.schema.json
