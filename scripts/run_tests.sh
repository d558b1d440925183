#!/usr/bin/env bash
# Run pytest with the arguments given. Where at most three tests fail, they are run once more, alone: the tests share two
# cores with real servers and real terminals, and what only fails under that load is a matter of time, not of the program.
# What fails alone too has failed, and a test that needed its second run is named at the end, so that it gets mended.
#
# PYTHON names the interpreter. Ends with pytest's status.
set -uo pipefail
: "${PYTHON:=.venv/bin/python}"
most=3
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

"$PYTHON" -m pytest --failed-to "$folder/failed" "$@"
status=$?
[ "$status" = 1 ] && [ -s "$folder/failed" ] || exit "$status"
mapfile -t failed < "$folder/failed"
[ "${#failed[@]}" -le "$most" ] || exit "$status"

again=()
for argument in "$@"; do
  [ "$argument" = --require-wheel ] || [ "$argument" = --require-services ] && again+=("$argument")
done
echo "Running ${#failed[@]} failed test(s) once more, alone." >&2
"$PYTHON" -m pytest "${again[@]}" "${failed[@]}"
status=$?
[ "$status" != 0 ] || printf 'UNSTEADY, passed only alone: %s\n' "${failed[@]}" >&2
exit "$status"
