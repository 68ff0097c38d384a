"""Reports on trained networks: evaluation, benchmark, ablation, model card."""
