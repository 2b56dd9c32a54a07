#!/bin/sh
# Measures again what one cell, the cells of one figure, or one claim are from, into repeated/ID:
#
#   ./repeat.sh 1bd14a836e72        a cell, by its id in report.html and in the CSVs of figures
#   ./repeat.sh intra-latency       a figure
#   ./repeat.sh RR-L1               a claim
#
# Cells between two nodes need RRBENCH_PEER, the line that `rrbench agent` prints on the other one.
set -eu
cd "$(dirname "$0")"
if [ $# -ne 1 ]; then
	echo "usage: ./repeat.sh CELL|FIGURE|CLAIM" >&2
	exit 2
fi
case $1 in
*[!A-Za-z0-9_.-]* | .*) echo "repeat.sh: $1 is no id" >&2 && exit 2 ;;
esac
out=repeated/$1
command=$(awk -F '\t' -v id="$1" '$1 == id { print $2 }' claims.tsv)
if [ -f "cells/$1.yaml" ]; then
	cells=$1
elif [ -f "figures/$1.csv" ]; then
	cells=$(awk -F , 'NR > 1 && $NF != "" { print $NF }' "figures/$1.csv" | tr -d '\r' | sort -u)
elif [ -n "$command" ]; then
	mkdir -p repeated
	id=$1
	# shellcheck disable=SC2086 # words without blanks
	set -- ${command#rrbench }
	bin/rrbench "$@" --out "$out"
	echo "$id, by what was measured now:"
	exec bin/rrbench claims --file claims.yaml "$out"
else
	echo "repeat.sh: $1 is neither a cell of cells/, nor a figure of figures/, nor a claim of claims.tsv" >&2
	exit 2
fi
mkdir -p repeated
{
	cat cells/run.yaml
	echo experiments:
	for cell in $cells; do
		cat "cells/$cell.yaml"
	done
} >"$out.yaml"
bin/rrbench sweep --config "$out.yaml" --out "$out"
echo "against what was measured then:"
bin/rrbench compare run "$out"
