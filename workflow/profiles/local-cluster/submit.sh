#!/usr/bin/env bash
# Stands for sbatch: starts the job script (last argument) in the background and prints an id; its exit status goes to <id>.rc.
set -euo pipefail
folder=$PWD/.snakemake/local-cluster
mkdir -p "$folder"
id=$(date +%s%N)
( setsid bash -c 'bash "$1" > "$2.log" 2>&1; echo $? > "$2.rc"' _ "${@: -1}" "$folder/$id" < /dev/null > /dev/null 2>&1 & )
echo "$id"
