"""Look into a network: feature maps, its layers and map, ablation, receptive fields."""

from deconv_demo.inspection.ablation import (
    Edits,
    Skip,
    count_untouched,
    layer_input,
    list_skips,
    run_edited,
)
from deconv_demo.inspection.channel_importance import ChannelLoss, order_by_loss, rank_channels
from deconv_demo.inspection.feature_grid import (
    BACKGROUND,
    atlas_picture,
    colourise,
    fitted_size,
    limit_of,
)
from deconv_demo.inspection.feature_maps import HOOKS, order_by_energy, record_feature_maps
from deconv_demo.inspection.layer_stats import LayerFacts, list_layers, receptive_window
from deconv_demo.inspection.network_map import INPUT, OUTPUT, MapNode, NetworkMap, map_network
from deconv_demo.inspection.receptive_field import (
    effective_field,
    effective_reach,
    project_unit,
    reach_window,
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
    "Skip",
    "atlas_picture",
    "colourise",
    "count_untouched",
    "effective_field",
    "effective_reach",
    "fitted_size",
    "layer_input",
    "limit_of",
    "list_layers",
    "list_skips",
    "map_network",
    "order_by_energy",
    "order_by_loss",
    "project_unit",
    "rank_channels",
    "reach_window",
    "receptive_window",
    "record_feature_maps",
    "run_edited",
]
