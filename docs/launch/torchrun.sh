#!/usr/bin/env bash
# Start a run on hosts without a scheduler: on every host the same line, at about the same time.
#
#   export NODES=2 HEAD=node0:29500
#   bash docs/launch/torchrun.sh -p parameters/imagen -ds /data/pairs -ai 16 -cn 16000
#   bash docs/launch/torchrun.sh -rd training_20261121_101500
#
# NODES: hosts. HEAD: name and free port of one of them. GPUS: processes on each host. What follows
# is for train.py. Nothing is restarted here: a start would make a new directory. Continue with -rd.
# A signal is handed on, and the processes have ten minutes to save.
set -euo pipefail

NODES=${NODES:-1}
HEAD=${HEAD:-localhost:29500}
GPUS=${GPUS:-8}
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}

exec torchrun --nnodes "$NODES" --nproc-per-node "$GPUS" --rdzv-backend c10d \
  --rdzv-endpoint "$HEAD" --rdzv-id minimagen --max-restarts 0 --shutdown-timeout 600 \
  --signals-to-handle SIGTERM,SIGINT,SIGHUP,SIGQUIT,SIGUSR1 train.py "$@"
