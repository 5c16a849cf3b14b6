#!/usr/bin/env bash
# Stands for sacct: running, success or failed, from the exit status that submit.sh recorded.
set -euo pipefail
result=.snakemake/local-cluster/$1.rc
if [ ! -s "$result" ]; then
  echo running
elif [ "$(cat "$result")" = 0 ]; then
  echo success
else
  echo failed
fi
