"""Reward sources for SAC: `task` (sparse, dense), `energy` (raw, centred, bounded); `registry` names them."""
