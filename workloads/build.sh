#!/bin/sh
# Builds the guests, and the modules that tests have as text.
#
#	workloads/build.sh           builds all: C guests and text modules (committed), Go guests (not committed)
#	workloads/build.sh go        builds the Go guests alone, which need no other compiler
#	workloads/build.sh --check   builds what is committed elsewhere and compares it byte for byte
#
# Environment: CLANG (default clang), GO (default go).
set -eu

cd "$(dirname "$0")"
clang=${CLANG:-clang}
go=${GO:-go}
wasi=../baselines/wasi/guests
external=../baselines/external/guest
parts="c/buffer.c c/digest.c c/fill.c c/heap.c"

# compile OUTPUT SOURCE... [-DNAME...]: freestanding, without libc and without WASI.
compile() {
	output=$1
	shift
	"$clang" --target=wasm32 -std=c11 -O3 -ffreestanding -nostdlib -mbulk-memory -Wall -Wextra -Werror \
		-Wl,--no-entry -Wl,--strip-all -Wl,--stack-first -Wl,-z,stack-size=16384 -o "$output" "$@"
	chmod 644 "$output"
}

# program OUTPUT SOURCE [FLAG...]: a program of the compute suite, freestanding, with WASI; rounding is as in the native ones.
program() {
	output=$1
	source=$2
	shift 2
	"$clang" --target=wasm32 -std=c11 -O3 -ffreestanding -nostdlib -ffp-contract=off -fno-math-errno -mbulk-memory -Wall -Wextra -Werror \
		-Wl,--no-entry -Wl,--strip-all -Wl,--stack-first -Wl,-z,stack-size=65536 -o "$output" "$@" "$source" compute/system.c
	chmod 644 "$output"
}

# variants lists the misbehaving guests by the names that hostile.c asks for.
variants() {
	sed -n 's/.*defined GUEST_\([a-z_]*\).*/\1/p; s/^#ifdef GUEST_\([a-z_]*\).*/\1/p' hostile/c/hostile.c | sort -u
}

build_c() {
	directory=$1
	mkdir -p "$directory/built" "$directory/hostile/built" "$directory/$wasi/built" "$directory/$external/built"
	mkdir -p "$directory/hello/built"
	compile "$directory/built/c.wasm" c/function.c $parts
	mkdir -p "$directory/compute/built"
	for source in compute/*.c; do
		name=$(basename "$source" .c)
		[ "$name" = system ] || program "$directory/compute/built/$name.wasm" "$source"
	done
	program "$directory/compute/built/mandelbrot-simd.wasm" compute/mandelbrot.c -msimd128 -DSIMD
	compile "$directory/hello/built/hello.wasm" hello/hello.c
	compile "$directory/$wasi/built/http-c.wasm" -Ic $wasi/c/*.c c/digest.c c/fill.c c/heap.c
	compile "$directory/$external/built/function.wasm" -Ic -I$wasi/c $external/function.c $wasi/c/http.c $wasi/c/text.c c/digest.c c/heap.c
	for name in $(variants); do
		compile "$directory/hostile/built/$(echo "$name" | tr _ -).wasm" "-DGUEST_$name" hostile/c/hostile.c $parts
	done
	compile "$directory/hostile/built/memory-4gib.wasm" -Wl,--initial-memory=4294967296 hostile/c/hostile.c $parts
	compile "$directory/hostile/built/memory-imported.wasm" -Wl,--import-memory hostile/c/hostile.c $parts
}

# each_text COMMAND...: runs COMMAND BINARY for every text module, which is its input.
each_text() {
	for text in ../engines/enginetest/testdata/*.wat hostile/text/*.wat; do
		case $text in
		*/attacks.wat)
			for attack in $(sed -n 's/^  (func \$\([a-z]*-[a-z-]*\).*/\1/p' "$text"); do
				sed "s/ (func \$${attack%%-*}))$/ (func \$$attack))/" "$text" | "$@" "${text%/*}/$attack.wasm"
			done
			;;
		*/invalid.wat) "$@" "${text%.wat}.wasm" --no-check <"$text" ;;
		*/needs-*.wat) "$@" "${text%.wat}.wasm" --enable-all <"$text" ;;
		*) "$@" "${text%.wat}.wasm" <"$text" ;;
		esac
	done
}

# translate BINARY [OPTION]
translate() {
	binary=$1
	shift
	wat2wasm "$@" --output="$binary" -
}

# go_guest MODULE SOURCE
go_guest() {
	# To another name first: a program that is built meanwhile must find a whole one.
	# What GOFLAGS asks of programs for this machine, guests cannot have; nor do they carry a commit.
	GOOS=wasip1 GOARCH=wasm "$go" build -race=false -msan=false -asan=false -buildvcs=false \
		-buildmode=c-shared -trimpath -ldflags='-s -w' -o "$1.$$" "./$2"
	mv "$1.$$" "$1"
}

build_go() {
	go_guest built/go.wasm go
	go_guest $wasi/built/http-go.wasm $wasi/go
	go_guest ../baselines/redis/guest/built/json-go.wasm ../baselines/redis/guest
}

# major prints the major version in a line such as "Debian clang version 14.0.6".
major() { sed -n 's/.*version \([0-9]*\)\..*/\1/p'; }

# compare BINARY [OPTION]
compare() {
	committed=$1
	shift
	translate "$fresh/text.wasm" "$@"
	cmp "$committed" "$fresh/text.wasm" || same=false
}

check_text() {
	if ! command -v wat2wasm >/dev/null 2>&1; then
		echo "text modules not compared: wat2wasm is not installed (apt-get install wabt)"
		return 0
	fi
	same=true
	each_text compare
	if ! $same; then
		echo "committed modules differ from their text: run workloads/build.sh and commit them" >&2
		return 1
	fi
	echo "modules are what their text makes"
}

check_c() {
	if ! command -v "$clang" >/dev/null 2>&1; then
		echo "guests not compared: $clang is not installed (apt-get install clang lld)"
		return 0
	fi
	have=$("$clang" --version | head -n 1 | major)
	want=$(major <built/CLANG)
	if [ "$have" != "$want" ]; then
		echo "guests not compared: they were built with clang $want, this is clang $have (CLANG=clang-$want picks another)"
		return 0
	fi
	if ! command -v wasm-ld >/dev/null 2>&1 && ! command -v "wasm-ld-$want" >/dev/null 2>&1; then
		echo "guests not compared: wasm-ld is not installed (apt-get install lld)"
		return 0
	fi
	build_c "$fresh"
	same=true
	for file in built/c.wasm hello/built/hello.wasm $wasi/built/http-c.wasm $external/built/function.wasm compute/built/*.wasm hostile/built/*.wasm; do
		cmp "$file" "$fresh/$file" || same=false
	done
	count=$(ls hostile/built/*.wasm | wc -l)
	fresh_count=$(ls "$fresh"/hostile/built/*.wasm | wc -l)
	if [ "$count" != "$fresh_count" ]; then
		echo "hostile/built has $count modules, the source makes $fresh_count"
		same=false
	fi
	if ! $same; then
		echo "committed guests differ from their source: run workloads/build.sh and commit them" >&2
		return 1
	fi
	echo "guests are what their source makes (clang $have)"
}

case "${1:-}" in
--check)
	fresh=$(mktemp -d)
	trap 'rm -rf "$fresh"' EXIT
	check_text
	check_c
	;;
go)
	build_go
	;;
"")
	# The committed C guests serve where clang is missing, or is another one than made them.
	if ! command -v "$clang" >/dev/null 2>&1; then
		echo "C guests as committed: $clang is not installed"
	elif [ -z "${REBUILD:-}" ] && [ -f built/CLANG ] && [ "$("$clang" --version | head -n 1 | major)" != "$(major <built/CLANG)" ]; then
		echo "C guests as committed: they were built with another clang (REBUILD=1 builds them all the same)"
	else
		build_c .
		"$clang" --version | head -n 1 >built/CLANG
	fi
	if command -v wat2wasm >/dev/null 2>&1; then
		each_text translate
	else
		echo "text modules as committed: wat2wasm is not installed"
	fi
	build_go
	;;
*)
	echo "usage: workloads/build.sh [go | --check]" >&2
	exit 2
	;;
esac
