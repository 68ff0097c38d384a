"""Inspection of a network: feature maps, layers, network map, ablation, receptive fields."""

from deconv_demo.inspection.channel_importance import ChannelLoss, order_by_loss, rank_channels
from deconv_demo.inspection.feature_grid import (
    BACKGROUND,
    color_limit,
    colorize,
    feature_grid_image,
    fitted_size,
)
from deconv_demo.inspection.feature_maps import HOOKS, order_by_energy, record_feature_maps
from deconv_demo.inspection.layer_stats import LayerFacts, receptive_window, summarize_layers
from deconv_demo.inspection.network_ablation import (
    Edits,
    Skip,
    count_reusable,
    layer_input,
    list_skips,
    run_edited,
)
from deconv_demo.inspection.network_map import INPUT, OUTPUT, MapNode, NetworkMap, map_network
from deconv_demo.inspection.receptive_field import (
    PROJECTIONS,
    backproject_unit,
    effective_receptive_field,
    influence_map,
    influence_window,
)

__all__ = [
    "BACKGROUND",
    "ChannelLoss",
    "Edits",
    "HOOKS",
    "INPUT",
    "LayerFacts",
    "MapNode",
    "NetworkMap",
    "OUTPUT",
    "PROJECTIONS",
    "Skip",
    "backproject_unit",
    "color_limit",
    "colorize",
    "count_reusable",
    "effective_receptive_field",
    "feature_grid_image",
    "fitted_size",
    "influence_map",
    "influence_window",
    "layer_input",
    "list_skips",
    "map_network",
    "order_by_energy",
    "order_by_loss",
    "rank_channels",
    "receptive_window",
    "record_feature_maps",
    "run_edited",
    "summarize_layers",
]
