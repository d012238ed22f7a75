# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What tests/run and the scripts of this folder share: building fuzz targets, and their limits.

repo=$(realpath "$(dirname "${BASH_SOURCE[0]}")/../..")
folder=${MWAN_BUILD:-$repo/build}-fuzz
corpora=$repo/tests/fuzz/corpus

# Each file with a target is one.
fuzz_targets() {
	grep -l '^int LLVMFuzzerTestOneInput' "$repo"/tests/fuzz/*.c | sed 's|.*/||; s|\.c$||'
}

# fuzz_build [FOLDER [FLAG...]]: clang's sanitizers are stricter than gcc's, but for adding 0 to NULL, which does no harm.
fuzz_build() {
	local at=${1:-$folder} again=()
	mkdir -p "$at"
	[ ! -e "$at/build.ninja" ] || again=(--reconfigure)
	CC=clang meson setup "${again[@]}" "$at" "$repo" -Db_lundef=false -Dtests=false -Dfuzz=true -Dbuildtype=plain \
		-Db_sanitize=address,undefined \
		-Dc_args="-O1 -gline-tables-only -fno-omit-frame-pointer -fsanitize=fuzzer-no-link -fno-sanitize=pointer-overflow -fno-sanitize-recover=all -Wno-format-nonliteral ${*:2}" >"$at/fuzz.log" 2>&1 ||
		{ cat "$at/fuzz.log"; return 1; }
	ninja --quiet -C "$at" fuzz >>"$at/fuzz.log" 2>&1 || { cat "$at/fuzz.log"; return 1; }
}

# The largest input: listings of nft are long.
fuzz_max_len() {
	case $1 in
	nft) echo 16384 ;;
	*) echo 4096 ;;
	esac
}

# So many inputs in each tests/run, for a second or two.
fuzz_runs() {
	case $1 in
	config | netlink | report) echo 3000 ;;
	nft) echo 1500 ;;
	*) echo 15000 ;;
	esac
}

# fuzz TARGET FOLDER OPTION...: with the corpus; what it finds new goes to the folder, a finding beside it.
fuzz() {
	local target=$1 found=$2 dictionary=()
	[ ! -e "$repo/tests/fuzz/$target.dict" ] || dictionary=(-dict="$repo/tests/fuzz/$target.dict")
	mkdir -p "$found"
	"$folder/tests/fuzz/fuzz-$target" -artifact_prefix="$found-" -max_len="$(fuzz_max_len "$target")" -timeout=20 -rss_limit_mb=2048 \
		"${dictionary[@]}" "${@:3}" "$found" "$corpora/$target"
}
