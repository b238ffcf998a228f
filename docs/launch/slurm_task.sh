#!/usr/bin/env bash
# Tell one Slurm task, in the words of torch.distributed, which process of how many it is.
set -euo pipefail

export RANK="$SLURM_PROCID" WORLD_SIZE="$SLURM_NTASKS" LOCAL_RANK="$SLURM_LOCALID"
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"
exec "$@"
