# SPDX-License-Identifier: Apache-2.0
# The pages name no paths of the build: they are installed as they stand.
dist_man_MANS += \
	man/app.5 \
	man/appup.5 \
	man/relctl.1 \
	man/release.5 \
	man/relup.5 \
	man/relup-tutorial.7 \
	man/relup.7 \
	man/relupd.8 \
	man/relworker-rules.7 \
	man/relworker.3
